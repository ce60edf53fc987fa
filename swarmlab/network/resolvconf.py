"""Which names the C library asks a server for (resolv.conf(5); glibc: resolv/res_query.c; musl: lookup_name.c)."""

from collections.abc import Iterator


def candidates(name: str, resolv: str, *, musl: bool) -> Iterator[str]:
    """The names to ask for, in order, by what the file `resolv` says of domains and `ndots`.

    A name with as many dots as `ndots` is asked for as it is, first by glibc, alone by musl.
    """
    if name.endswith("."):
        yield name
        return
    is_long = name.count(".") >= _least_dots(resolv)
    if is_long:
        yield name
    if not (is_long and musl):
        yield from (f"{name}.{domain}" for domain in domains(resolv))
    if not is_long:
        yield name


def domains(resolv: str) -> list[str]:
    """The domains to search, without dots at their ends: the last line that names some counts."""
    lines = [words for words in map(str.split, resolv.splitlines()) if words and words[0] in {"search", "domain"}]
    return [domain for word in (lines[-1][1:] if lines else ()) if (domain := word.rstrip("."))]


def servers(resolv: str) -> list[str]:
    """The servers to ask, in order."""
    lines = (line.split() for line in resolv.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


def _least_dots(resolv: str) -> int:
    """How many dots a name must have to be asked for as it is."""
    lines = (words for words in map(str.split, resolv.splitlines()) if words and words[0] == "options")
    found = [word.partition(":")[2] for words in lines for word in words if word.startswith("ndots:")]
    return next((int(number) for number in reversed(found) if number.isdecimal()), 1)
