"""`ip`, `ifconfig`, `route` and `hostname`: the container's own interfaces, as BusyBox shows them."""

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from swarmlab.network import Place
from swarmlab.runtime.virtual.context import Context

_OVERLAY_MTU, _MTU = 1450, 1500
_LOOPBACK = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
"""
_LOOPBACK_ADDRESS = """\
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
"""


class Interface(NamedTuple):
    """One interface, with its IPv4 address."""

    place: Place
    address: ipaddress.IPv4Interface

    @property
    def name(self) -> str:
        """Such as `eth0`."""
        return self.place.interface

    @property
    def mtu(self) -> int:
        """What a packet may carry; less where it is wrapped into another."""
        return _OVERLAY_MTU if self.place.kind in {"overlay", "ingress"} else _MTU

    @property
    def mac(self) -> str:
        """The one that was asked for, else made from the address, as Docker makes it."""
        return self.place.mac or ":".join(f"{byte:02x}" for byte in (2, 0x42, *self.address.ip.packed))


def interfaces(context: Context) -> Iterator[Interface]:
    """The container's interfaces beside the loopback, in the order of their numbers."""
    sandbox = context.machine.sandbox
    for place in sorted(sandbox.places or sandbox.machine, key=lambda place: place.link):
        address = ipaddress.ip_interface(place.addresses[0])
        if isinstance(address, ipaddress.IPv4Interface):
            yield Interface(place, address)


def _way_out(known: list[Interface]) -> Interface | None:
    """The interface of the default route: of the networks with a gateway, the first by name (libnetwork: epHeap)."""
    out = [item for item in known if item.place.gateway and not item.place.internal]
    return min(out, key=lambda item: (item.place.kind == "gateway", item.place.network_name), default=None)


async def ip(context: Context) -> int:
    """`ip addr`, `ip link` and `ip route`, each with `show` and a device."""
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    what = words[0] if words else ""
    device = next((word for word in words[1:] if word not in {"show", "list", "ls", "dev", "s", "l"}), "")
    known = list(interfaces(context))
    if device and device != "lo" and device not in (item.name for item in known):
        await context.err(f"ip: can't find device '{device}'\n")
        return 1
    if what and "route".startswith(what):
        await context.out("".join(_routes(known, device)))
    elif what and ("address".startswith(what) or "link".startswith(what)):
        text = "".join(_links(known, device, addresses="address".startswith(what)))
        if "-4" in context.argv and "address".startswith(what):
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("    link/"))
        await context.out(_one_line_each(text, addresses="address".startswith(what)) if "-o" in context.argv else text)
    else:
        await context.err(
            "BusyBox v1.37.0 multi-call binary.\n\nUsage: ip [OPTIONS] address|route|link [ARGS]\n\n"
            "ip addr show|flush [dev IFACE] [to PREFIX]\nip route list|flush|add|del [dev IFACE] [to PREFIX]\n"
            "ip link set IFACE [up|down] [arp on|off]\n"
        )
        return 1
    return 0


def _one_line_each(text: str, *, addresses: bool) -> str:
    """What belongs to one interface, or to one address of it, on one line (`-o`)."""
    name, found = "", []
    for line in text.splitlines():
        if not line.startswith(" "):
            name = line.partition(": <")[0].partition("@")[0]
            found += [] if addresses else [line]
        elif addresses and line.startswith("    inet "):
            found.append(name + line)
        elif found and (not addresses or line.startswith("       ")):
            found[-1] += "\\" + line
    return "".join(f"{line}\n" for line in found)


#: Nobody counts packets here.
_NO_TRAFFIC = (
    "          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n"
    "          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0\n"
    "          collisions:0 txqueuelen:{} \n"
    "          RX bytes:0 (0.0 B)  TX bytes:0 (0.0 B)\n"
)


async def ifconfig(context: Context) -> int:
    """Every interface, or the one that is named."""
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    texts = {
        item.name: (
            f"{item.name:<9} Link encap:Ethernet  HWaddr {item.mac.upper()}  \n"
            f"          inet addr:{item.address.ip}  Bcast:{item.address.network.broadcast_address}  "
            f"Mask:{item.address.netmask}\n"
            f"          UP BROADCAST RUNNING MULTICAST  MTU:{item.mtu}  Metric:1\n{_NO_TRAFFIC.format(0)}\n"
        )
        for item in sorted(interfaces(context), key=lambda item: item.name)
    }
    texts["lo"] = (
        "lo        Link encap:Local Loopback  \n          inet addr:127.0.0.1  Mask:255.0.0.0\n"
        f"          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n{_NO_TRAFFIC.format(1000)}\n"
    )
    for name in words[:1] or texts:
        if name not in texts:
            await context.err(f"ifconfig: {name}: error fetching interface information: Device not found\n")
            return 1
        await context.out(texts[name])
    return 0


async def route(context: Context) -> int:
    """The routing table."""
    title = "Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n"
    rows = (
        f"{a:<15} {b:<15} {c:<15} {flags:<5} 0      0        0 {name}\n" for a, b, c, flags, name in routes(context)
    )
    await context.out(title + "".join(rows))
    return 0


def routes(context: Context) -> list[tuple[str, str, str, str, str]]:
    """The routes: destination, gateway, mask, flags, interface."""
    zero = str(ipaddress.IPv4Address(0))
    known = list(interfaces(context))
    found = []
    if (out := _way_out(known)) is not None:
        found.append((zero, out.place.gateway, zero, "UG", out.name))
    for item in sorted(known, key=lambda item: item.address.network):
        network = item.address.network
        found.append((str(network.network_address), zero, str(item.address.netmask), "U", item.name))
    return found


async def hostname(context: Context) -> int:
    """The host name; `-i` its addresses, `-s` up to the first dot, `-f` with its domain, `-d` the domain."""
    flags = {letter for word in context.argv[1:] if word.startswith("-") for letter in word[1:]}
    name = context.machine.hostname
    if flags - set("sidf"):
        await context.err(
            f"hostname: invalid option -- '{min(flags - set('sidf'))}'\nBusyBox v1.37.0 multi-call binary.\n\n"
            "Usage: hostname [-sidf] [HOSTNAME | -F FILE]\n"
        )
        return 1
    if any(not word.startswith("-") for word in context.argv[1:]):
        is_busybox = context.machine.is_busybox
        told = "sethostname: Operation not permitted" if is_busybox else "you must be root to change the host name"
        await context.err(f"hostname: {told}\n")
        return 1
    if "i" in flags:
        found = await context.machine.resolve(name)
        if not found:
            await context.err(f"hostname: {name}: Host name lookup failure\n")
            return 1
        await context.out(" ".join(found) + "\n")
    elif flags & {"d", "f"}:
        full = _canonical(context, name)
        await context.out((full.partition(".")[2] if "d" in flags else full) + "\n")
    else:
        await context.out((name.partition(".")[0] if "s" in flags else name) + "\n")
    return 0


def _canonical(context: Context, name: str) -> str:
    """The first name on the line of the hosts file that has this one, as the C library's canonical name is."""
    try:
        lines = context.machine.root.read("/etc/hosts").decode(errors="replace").splitlines()
    except FileNotFoundError:
        return name
    named = (line.partition("#")[0].split()[1:] for line in lines)
    return next((names[0] for names in named if name in names), name)


def _links(known: list[Interface], device: str, *, addresses: bool) -> Iterator[str]:
    if device in {"", "lo"}:
        yield _LOOPBACK + (_LOOPBACK_ADDRESS if addresses else "")
    for item in known:
        if device not in ("", item.name):
            continue
        # One of the machine's own has no other end.
        name, down = (f"{item.name}@if{item.place.peer}", ",M-DOWN") if item.place.peer else (item.name, "")
        yield (
            f"{item.place.link}: {name}: <BROADCAST,MULTICAST,UP,LOWER_UP{down}> "
            f"mtu {item.mtu} qdisc noqueue \n    link/ether {item.mac} brd ff:ff:ff:ff:ff:ff\n"
        )
        if addresses:
            yield (
                f"    inet {item.address} brd {item.address.network.broadcast_address} scope global {item.name}\n"
                "       valid_lft forever preferred_lft forever\n"
            )


def _routes(known: list[Interface], device: str) -> Iterator[str]:
    if (out := _way_out(known)) is not None and device in {"", out.name}:
        yield f"default via {out.place.gateway} dev {out.name} \n"
    for item in sorted(known, key=lambda item: item.address.network):
        if device in {"", item.name}:
            yield f"{item.address.network} dev {item.name} scope link  src {item.address.ip} \n"
