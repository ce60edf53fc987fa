"""What notebooks show, and how shell lines behave in them."""
