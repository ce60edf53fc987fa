"""`nslookup` and `getent`: what names and addresses stand for inside the container."""

import ipaddress

from swarmlab.network import domains, servers
from swarmlab.runtime.virtual.context import Context

_SERVER = "127.0.0.11"


async def nslookup(context: Context) -> int:
    """BusyBox's: asks Docker's DNS server, not the hosts file. Answers for IPv4 and IPv6 come one after the other.

    `-type=`, `-query=` and the like ask for records of other kinds, of which Docker's server has none, or for fewer.
    """
    words = [word for word in context.argv[1:] if not word.startswith("-")]
    asked = [word.partition("=")[2].lower() for word in context.argv[1:] if word[:2] in {"-t", "-q"} and "=" in word]
    for kind in asked:
        if kind not in _TYPES:
            await context.err(f'nslookup: invalid query type "{kind}"\n')
            return 1
    if not words:
        await context.err(_USAGE)
        return 1
    sandbox = context.machine.sandbox
    server = words[1] if len(words) > 1 else next(iter(servers(sandbox.resolv())), _SERVER)
    is_own = server == _SERVER and sandbox.has_names
    if not is_own and (server == _SERVER or not sandbox.leads_out(server)):
        await context.out(";; connection timed out; no servers could be reached\n\n")
        return 1
    await context.out(f"Server:\t\t{server}\nAddress:\t{server}:53\n\n")
    if _is_address(words[0]):
        return await _pointer(context, words[0], is_own=is_own)
    return await _addresses(context, words[0], asked[::-1] or ["a", "aaaa"], is_own=is_own)


async def _pointer(context: Context, address: str, *, is_own: bool) -> int:
    pointer = ipaddress.ip_address(address).reverse_pointer
    owner = context.machine.sandbox.reverse(address) if is_own else None
    if owner is None:
        await context.out(f"** server can't find {pointer}: NXDOMAIN\n\n")
        return 1
    await context.out(f"Non-authoritative answer:\n{pointer}\tname = {owner}\n\n")
    return 0


async def _addresses(context: Context, name: str, kinds: list[str], *, is_own: bool) -> int:
    sandbox = context.machine.sandbox
    if "." not in name:
        # It searches by itself, and does not ask for the name as it is if there is a domain.
        name = next((f"{name}.{domain}" for domain in domains(sandbox.resolv())), name)
    addresses = (sandbox.query(name) if is_own else []) or await sandbox.forward(name)
    if not addresses:
        await context.out(f"** server can't find {name}: NXDOMAIN\n\n" * len(kinds))
        return 1
    for kind in kinds:
        found = addresses if kind == "a" else ()
        lines = "".join(f"Name:\t{name.rstrip('.')}\nAddress: {address}\n" for address in found)
        await context.out(f"Non-authoritative answer:\n{lines}\n")
    return 0


_TYPES = frozenset({"soa", "ns", "a", "aaaa", "cname", "mx", "txt", "ptr", "srv", "any"})
_USAGE = (
    "BusyBox v1.37.0 multi-call binary.\n\n"
    "Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n\nQuery DNS about HOST\n\n"
    "QUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any\n"
)


async def getent(context: Context) -> int:
    """`getent hosts NAME…`, `ahosts`, and `passwd` and `group` by names or numbers; 2 when one is unknown.

    Other databases are not there.
    """
    database, *names = (*context.argv[1:], "")
    if database in {"passwd", "group"}:
        return await _entries(context, f"/etc/{database}", [name for name in names if name])
    if database not in {"hosts", "ahosts", "ahostsv4"}:
        await context.err(f"Unknown database: {database}\n")
        return 1
    code = 0
    for name in filter(None, names):
        if _is_address(name):
            found = context.machine.sandbox.reverse(name)
            lines = [f"{name:<15} {found}\n"] if found is not None else []
        elif database == "hosts":
            lines = [f"{address:<15} {name}\n" for address in await context.machine.resolve(name)]
        else:
            lines = [
                f"{address:<15} {kind:<6} {name if first else ''}".rstrip() + "\n"
                for address in await context.machine.resolve(name)
                for kind, first in (("STREAM", True), ("DGRAM", False), ("RAW", False))
            ]
        if not lines:
            code = 2
        await context.out("".join(lines))
    return code


async def _entries(context: Context, path: str, keys: list[str]) -> int:
    """The lines of a file of accounts, or those with these keys."""
    try:
        lines = context.machine.root.read(path).decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    if not keys:
        await context.out("".join(f"{line}\n" for line in lines if line))
        return 0
    code = 0
    for key in keys:
        found = next((line for line in lines if key in line.split(":")[:3:2]), None)
        if found is None:
            code = 2
        else:
            await context.out(f"{found}\n")
    return code


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
