"""`apk`, `apt` and `apt-get`: there is no network, but a package whose commands the lab has can be installed.

So can those that only builds need, as everything that is built comes ready to run.
"""

from collections.abc import Iterable, Mapping, Sequence

from swarmlab.runtime.virtual.context import Context

#: Commands of packages, under their names on Alpine and on Debian.
_COMMANDS: Mapping[str, Sequence[str]] = {
    "bash": ("bash",),
    "bind-tools": ("nslookup",),
    "bind9-dnsutils": ("nslookup",),
    "coreutils": (),
    "curl": ("curl",),
    "dnsutils": ("nslookup",),
    "findutils": (),
    "gawk": ("awk",),
    "grep": (),
    "gzip": (),
    "iproute2": ("ip",),
    "iputils": ("ping",),
    "iputils-ping": ("ping",),
    "jq": ("jq",),
    "busybox": ("httpd",),
    "net-tools": ("ifconfig", "netstat", "route"),
    "netcat": ("nc",),
    "netcat-openbsd": ("nc",),
    "netcat-traditional": ("nc",),
    "nginx": ("nginx",),
    "postgresql-client": ("psql", "pg_isready", "pg_dump"),
    "procps": ("ps", "top", "free", "uptime"),
    "redis": ("redis-server", "redis-cli"),
    "redis-server": ("redis-server",),
    "redis-tools": ("redis-cli",),
    "telnet": ("telnet",),
    "sed": (),
    "tar": (),
    "tree": ("tree",),
    "wget": ("wget",),
}
#: What builds need, and what has nothing to run.
_QUIET = frozenset(
    """
    autoconf automake build-base build-essential ca-certificates cargo cmake freetype-dev g++ gcc gettext gfortran gnupg
    jpeg-dev lcms2-dev libc-dev libc6-dev libev libffi-dev libjpeg-dev libjpeg62-turbo-dev libpq libpq-dev libpq5
    libssl-dev libxml2-dev libxslt-dev libxslt1-dev linux-headers locales lsb-release make mariadb-dev musl-dev
    openssl openssl-dev pkg-config pkgconf postgresql-dev postgresql-libs python3-dev rust tzdata zlib-dev zlib1g-dev
    """.split()  # noqa: SIM905
)
_OPERATIONS = frozenset(
    ("autoclean", "autoremove", "clean", "dist-upgrade", "install", "purge", "remove", "update", "upgrade")
)
_NOTE = "swarmlab: there is no network; what the lab has is there at once, and nothing was downloaded\n"
_KNOWN = "swarmlab: there is no network; packages that can be installed: {}\n"


async def apk(context: Context) -> int:
    """`apk add`, `update`, `upgrade`, `del` and `info`; with `--virtual NAME` as well."""
    words = list(context.argv[1:])
    names = _names(words, {"-t", "--virtual", "--repository", "-X"})
    what, packages = (names[0], names[1:]) if names else ("", [])
    if what in {"update", "upgrade", "fix", "del", "cache"}:
        await context.out("OK: 0 distinct packages available\n" if what == "update" else "OK: 0 MiB in 0 packages\n")
        return 0
    if what == "info":
        return 0
    if what != "add":
        await context.out("apk-tools 2.14.9, compiled for x86_64.\n")
        return 0 if "--version" in words else 1
    if unknown := _unknown(packages):
        await context.err(
            "ERROR: unable to select packages:\n"
            + "".join(f"  {name} (no such package):\n    required by: world[{name}]\n" for name in unknown)
        )
        await context.err(_known())
        return len(unknown)
    for number, name in enumerate(packages, 1):
        await context.out(f"({number}/{len(packages)}) Installing {name}\n")
    _install(context, packages)
    await context.out(f"OK: {len(packages)} packages\n{_NOTE}")
    return 0


async def apt(context: Context) -> int:
    """`apt-get update`, `install`, `upgrade`, `clean`, `remove` and the like."""
    names = _names(list(context.argv[1:]), {"-o", "-t", "-c"})
    what, packages = (names[0], names[1:]) if names else ("", [])
    if what not in _OPERATIONS:
        await context.err(f"E: Invalid operation {what}\n" if what else "apt 2.6.1 (amd64)\n")
        return 100 if what else 0
    await context.out("Reading package lists...\n")
    if what in {"update", "clean", "autoclean"}:
        return 0
    await context.out("Building dependency tree...\nReading state information...\n")
    if what == "install" and (unknown := _unknown(packages)):
        await context.err("".join(f"E: Unable to locate package {name}\n" for name in unknown))
        await context.err(_known())
        return 100
    if what == "install":
        _install(context, packages)
        listed = " ".join(sorted(packages))
        await context.out(f"The following NEW packages will be installed:\n  {listed}\n")
        await context.out("".join(f"Setting up {name} ...\n" for name in packages) + _NOTE)
    return 0


def _names(words: Sequence[str], with_value: set[str]) -> list[str]:
    """The words that are no options, nor their values."""
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in with_value:
            skip = True
        elif not word.startswith("-"):
            found.append(word)
    return found


def _plain(name: str) -> str:
    """A package's name without the version that is asked for."""
    for mark in ("=", "<", ">", "~", "@"):
        name = name.partition(mark)[0]
    return name


def _unknown(packages: Iterable[str]) -> list[str]:
    return [name for name in packages if _plain(name) not in _COMMANDS and _plain(name) not in _QUIET]


def _known() -> str:
    return _KNOWN.format(", ".join(sorted(_COMMANDS)) + ", and compilers and headers")


def _install(context: Context, packages: Iterable[str]) -> None:
    root = context.machine.root
    for package in packages:
        for command in _COMMANDS.get(_plain(package), ()):
            path = f"/usr/bin/{command}"
            root.write(path, f'#!/bin/sh\nexec {command} "$@"\n'.encode())
            fs, inner = root.at(path)
            fs.chmod(inner, 0o755)
