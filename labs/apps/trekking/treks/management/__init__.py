"""The app's own commands."""
