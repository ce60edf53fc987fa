"""Recognising the commands that were asked in the calls that a journal holds.

The docker command makes several calls for one command, and some calls belong to many commands: `GET /info` is
`docker info`, but also a part of `docker node ls`. A journal counts repeated calls instead of listing them, so calls
cannot simply be cut into commands. Instead the rules below are applied from the most telling call to the least: a call
that gives its command away claims the others that belong to it, and what nobody claims stands for itself.

Other clients, such as the docker SDK, make one call for one question; their calls need no claims.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from swarmlab.journal.reader import RequestRecord

_CLI = "Docker-Client/"
#: The lab's own programs, the checker among them; what they ask is nobody's work.
_OWN = "swarmlab"
CHECKER = f"{_OWN}-checker"
#: How far apart, in nanoseconds of swarm time, two calls of one command may be when something happened in between. The
#: command makes its calls at once; longer, and the next command of a script would be taken for a part of this one.
_NEAR = 250_000_000
_FULL_ID = 25
#: The lowest status of an answer that refuses something.
_ERROR = 400
_COLLECTIONS = ("nodes", "services", "tasks", "published", "configs", "secrets", "containers")
_STACK = "com.docker.stack.namespace"


class Read(NamedTuple):
    """A question that somebody asked `times` times while the last transaction was `after`.

    `command` is the docker command without `docker`, or `connect` for a connection to a published port. `subjects` are
    the names, ids or ports that it asked for, empty when it asked for all. `at` is Unix nanoseconds of swarm time.
    """

    command: str
    subjects: frozenset[str]
    after: int
    at: int
    times: int
    engine: str
    client: str
    refused: bool = False


@dataclass
class _Call:
    """A row of the journal's requests; `left` is how often it was made and belongs to no command yet."""

    row: RequestRecord
    pattern: str
    reference: str
    filters: Mapping[str, frozenset[str]]
    left: int


#: One client's calls by pattern, each list in order.
_Calls = dict[str, list[_Call]]


class _Claim(NamedTuple):
    """Calls that belong to a command: their pattern, and whether they come before its telling call."""

    pattern: str
    before: bool = False
    full_id: bool = False


class _Rule(NamedTuple):
    """A telling call and what it stands for.

    `command` is None when nobody asked anything (progress bars, changes). `calls` is how often one command makes the
    telling call. `every` claims from each matching call, not from the nearest. `required`: without its claim it is not
    that command. `refusable`: being refused teaches something too.
    """

    pattern: str
    command: str | None
    claims: tuple[_Claim, ...] = ()
    when: Callable[[_Call], bool] = lambda _: True
    subject: str | None = None
    calls: int = 1
    every: bool = False
    required: bool = False
    refusable: bool = False


def _labelled(call: "_Call", *, whole: bool) -> bool:
    """Whether a list is of stacks: of one (`whole`), or of all."""
    labels = call.filters.get("label", frozenset())
    return any(label.startswith(_STACK) and ("=" in label) == whole for label in labels)


_NODE = "GET /nodes/{}"
_RULES = (
    _Rule("GET /tasks", None, (_Claim("GET /nodes"),), when=lambda call: "_up-to-date" in call.filters),
    _Rule("POST /nodes/{}/update", None, (_Claim(_NODE, before=True),)),
    _Rule("POST /swarm/init", None, (_Claim(_NODE),)),
    _Rule("GET /swarm", "swarm join-token", (_Claim("GET /info"), _Claim(_NODE)), calls=2),
    _Rule(
        "GET /tasks", "service ps", (_Claim(_NODE, full_id=True),), lambda call: "service" in call.filters, "service",
        every=True,
    ),
    _Rule(
        "GET /tasks", None, (_Claim(_NODE, before=True), _Claim("GET /info", before=True)),
        lambda call: "node" in call.filters,
    ),
    _Rule(
        "GET /tasks", "stack ps", (_Claim(_NODE, full_id=True),), lambda call: _labelled(call, whole=True), "label",
        every=True,
    ),
    _Rule("GET /nodes", "node ls", when=lambda call: call.row.status >= _ERROR, refusable=True),
    _Rule("GET /nodes", "node ls", (_Claim("GET /info"),), required=True),
    _Rule(_NODE, "node inspect", (_Claim("GET /info", before=True),), lambda call: len(call.reference) == _FULL_ID),
    _Rule(_NODE, "node inspect"),
    _Rule("GET /info", "info"),
    _Rule("GET /services", "service ls", when=lambda call: not call.filters or "status" in parse_qs(call.row.query)),
    _Rule("GET /services", "stack ls", when=lambda call: _labelled(call, whole=False)),
    _Rule("GET /services", "stack services", (), lambda call: _labelled(call, whole=True), "label"),
    _Rule("GET /services/{}/logs", "service logs"),
    _Rule("GET /configs", "config ls", when=lambda call: not call.filters),
    _Rule("GET /configs/{}", "config inspect"),
    _Rule("DELETE /configs/{}", "config rm", refusable=True),
    _Rule("GET /secrets", "secret ls", when=lambda call: not call.filters),
    _Rule("GET /secrets/{}", "secret inspect"),
    _Rule("DELETE /secrets/{}", "secret rm", refusable=True),
    _Rule("GET /containers/json", "ps"),
    _Rule("POST /containers/create", "run"),
    _Rule("POST /containers/{}/exec", "exec"),
    _Rule("CONNECT /published/{}", "connect"),
)  # fmt: skip


def recognise(rows: Iterable[RequestRecord]) -> list[Read]:
    """The commands behind the calls of a journal, refused ones only where the refusal teaches something."""
    clients: dict[tuple[str, str], _Calls] = {}
    for row in rows:
        if not row.client.startswith(_OWN):
            call = _call(row)
            clients.setdefault((row.engine, row.client), {}).setdefault(call.pattern, []).append(call)
    reads = []
    for (_, client), calls in clients.items():
        for rule in _RULES:
            reads += _apply(rule, calls, claims=client.startswith(_CLI))
    return reads


def _apply(rule: _Rule, calls: _Calls, *, claims: bool) -> list[Read]:
    reads = []
    for call in calls.get(rule.pattern, ()):
        if not call.left or not rule.when(call):
            continue
        times, call.left = call.left // rule.calls, 0
        claimed = sum(_claim(claim, call, calls, times, every=rule.every) for claim in rule.claims) if claims else times
        if rule.required:
            times = min(times, claimed)
        refused = call.row.status >= _ERROR
        if rule.command is not None and times and (rule.refusable or not refused):
            row = call.row
            subjects = call.filters[rule.subject] if rule.subject else frozenset({call.reference} - {""})
            names = frozenset(subject.removeprefix(f"{_STACK}=") for subject in subjects)
            reads.append(Read(rule.command, names, row.after, row.at, times, row.engine, row.client, refused))
    return reads


def _claim(claim: _Claim, anchor: _Call, calls: _Calls, times: int, *, every: bool) -> int:
    """Take up to `times` calls away for the command of `anchor`, nearest first; return how many there were."""
    taken = 0
    near = _before if claim.before else _after
    for call in near(anchor, calls.get(claim.pattern, [])):
        if not claim.full_id or len(call.reference) == _FULL_ID:
            number = min(call.left, times if every else times - taken)
            call.left -= number
            taken += number
    return taken


def _before(anchor: _Call, calls: list[_Call]) -> Iterator[_Call]:
    """The calls that may precede `anchor` in one command: none happened in between, or hardly any time passed."""
    for call in reversed(calls[: bisect_right(calls, anchor.row.after, key=_window)]):
        if call.row.after < anchor.row.after and call.row.last_at < anchor.row.at - _NEAR:
            return
        if call.row.at <= anchor.row.last_at:
            yield call


def _after(anchor: _Call, calls: list[_Call]) -> Iterator[_Call]:
    """The calls that may follow `anchor` in one command."""
    for call in calls[bisect_left(calls, anchor.row.after, key=_window) :]:
        if call.row.after > anchor.row.after and call.row.at > anchor.row.last_at + _NEAR:
            return
        if call.row.last_at >= anchor.row.at:
            yield call


def _window(call: _Call) -> int:
    return call.row.after


def _call(row: RequestRecord) -> _Call:
    parts = row.path.strip("/").split("/")
    reference = ""
    if len(parts) > 1 and parts[0] in _COLLECTIONS and parts[1] not in {"create", "json"}:
        reference, parts[1] = unquote(parts[1]), "{}"
    return _Call(row, f"{row.method} /{'/'.join(parts)}", reference, _filters(row.query), row.times)


def _filters(query: str) -> Mapping[str, frozenset[str]]:
    """The filters of a list call; clients send the values as a list or as the keys of an object."""
    try:
        filters = json.loads(parse_qs(query).get("filters", ["{}"])[0])
        return {name: frozenset(map(str, values)) for name, values in filters.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
