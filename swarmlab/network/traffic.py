"""What containers send and receive, counted as their network interfaces would."""

#: So much of a stream goes into one packet: an Ethernet frame's 1,500 bytes without the headers of IP and TCP.
_SEGMENT = 1448


class Traffic:
    """Bytes and packets of one container's network, since it was put on it."""

    __slots__ = ("received", "received_packets", "sent", "sent_packets")

    def __init__(self) -> None:
        self.received = self.received_packets = self.sent = self.sent_packets = 0


class Meter:
    """Counts one connection for both of its ends."""

    __slots__ = ("_comes", "_there")

    def __init__(self, there: Traffic, comes: Traffic) -> None:
        """`there` is the container that is connected to, `comes` the one that connects."""
        self._there = there
        self._comes = comes

    def forth(self, size: int) -> None:
        """So many bytes went to where it leads."""
        _count(self._comes, self._there, size)

    def back(self, size: int) -> None:
        """So many bytes came back."""
        _count(self._there, self._comes, size)


def _count(sender: Traffic, receiver: Traffic, size: int) -> None:
    packets = -(-size // _SEGMENT)
    sender.sent += size
    sender.sent_packets += packets
    receiver.received += size
    receiver.received_packets += packets
