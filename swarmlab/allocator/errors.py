"""Why something could not be allocated. Clients never see these: what waits for an address or a port stays NEW."""


class AllocationError(Exception):
    """Raised when there is nothing left to give, or what was asked for is taken; the text is for the lab's log."""
