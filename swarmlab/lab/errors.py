"""What goes wrong with a lab as a whole."""


class LabError(Exception):
    """Raised when a lab cannot do what it was asked to; the text is one sentence for the person who asked."""
