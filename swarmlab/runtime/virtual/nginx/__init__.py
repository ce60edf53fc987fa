"""The real nginx that plays every nginx container, and the configurations that let it."""
