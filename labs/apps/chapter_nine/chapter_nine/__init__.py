"""The Django project of lab A3, as that lab leaves it. Lab A4 begins with it."""
