"""The real processes of virtual containers, and what the lab does with those that go too far."""
