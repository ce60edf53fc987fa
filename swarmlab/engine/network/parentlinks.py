"""Networks that hang on an interface of the machine (libnetwork: drivers/macvlan, drivers/ipvlan)."""

from collections.abc import Collection, Iterable

from swarmlab.engine.errors import internal
from swarmlab.objects.local import LocalNetwork

PARENT_DRIVERS = frozenset({"ipvlan", "macvlan"})
#: The interface that a machine has.
INTERFACE = "eth0"
_LOOPBACK = "lo"
_LAST_VLAN = 4094
_MODES = {
    "ipvlan": ("ipvlan_mode", "l2", frozenset({"l2", "l3", "l3s"})),
    "macvlan": ("macvlan_mode", "bridge", frozenset({"bridge", "passthru", "private", "vepa"})),
}
#: How the interface is called that is made for a network that names no parent.
_STANDINS = {"ipvlan": "di-", "macvlan": "dm-"}


def parent(network: LocalNetwork) -> str:
    """The interface that a network hangs on; one that is not to reach the outside has its own."""
    named = "" if network.internal else network.options.get("parent", "")
    return named or _standin(network)


def isolated(network: LocalNetwork) -> bool:
    """Whether its parent leads nowhere."""
    return parent(network) == _standin(network)


def routed(network: LocalNetwork) -> bool:
    """Whether containers on it send all to its interface, without a gateway."""
    return network.driver == "ipvlan" and network.options.get("ipvlan_mode", "l2") != "l2"


def gossiped(network: LocalNetwork) -> bool:
    """Whether the nodes of a swarm tell each other who is on it: what hangs on interfaces may have one wire."""
    return network.scope == "swarm" and network.driver in PARENT_DRIVERS


def check_parent(network: LocalNetwork, others: Iterable[LocalNetwork], bridges: Collection[str]) -> None:
    """Raise EngineError (500) unless the network's mode and parent can be; `bridges` are the machine's own."""
    driver = network.driver
    option, default, known = _MODES[driver]
    mode = network.options.get(option, "") or default
    if mode not in known:
        raise internal(
            f"requested {driver} mode '{mode}' is not valid, '{default}' mode is the {driver} driver default"
        )
    wanted = parent(network)
    if wanted == _LOOPBACK:
        raise internal(f"loopback interface is not a valid {driver} parent link")
    taken = {parent(other): other for other in others if other.driver in PARENT_DRIVERS}
    other = taken.get(wanted)
    if other is not None and other.driver == driver:
        raise internal(f"network {_standin(other)} is already using parent interface {wanted}")
    present = {INTERFACE, _LOOPBACK, *bridges, *taken}
    if wanted not in present and not isolated(network):
        _check_vlan(wanted, present)


def _standin(network: LocalNetwork) -> str:
    return _STANDINS[network.driver] + network.id[:12]


def _check_vlan(name: str, present: Collection[str]) -> None:
    """A parent that does not exist is made, if its name says of which interface and for which VLAN."""
    if "." not in name:
        raise internal(f"invalid subinterface vlan name {name}, example formatting is eth0.10")
    parts = name.split(".")
    if len(parts) != 2:
        raise internal(
            f"required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received {name}"
        )
    link, number = parts
    if not (number.isascii() and number.removeprefix("-").removeprefix("+").isdigit()):
        raise internal(f"unable to parse a valid vlan id from: {number} (ex. eth0.10 for vlan 10)")
    if link not in present:
        raise internal(f"-o parent interface does was not found on the host: {link}")
    if not 1 <= int(number) <= _LAST_VLAN:
        raise internal(f"vlan id must be between 1-{_LAST_VLAN}, received: {int(number)}")
