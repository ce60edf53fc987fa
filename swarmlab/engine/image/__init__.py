"""The images of an engine: what it has, what becomes one, what may go."""
