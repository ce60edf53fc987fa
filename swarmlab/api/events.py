"""`/events`: what happened on the engine and in its swarm (MB: daemon/events, daemon/server/router/system)."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from swarmlab.api.call import ApiVersion, Call, Route, Stream
from swarmlab.api.encode import sorted_map
from swarmlab.api.errors import ApiError, bad_request, internal
from swarmlab.api.query import Filters, parse_instant
from swarmlab.engine.events import Event

_ENCODER = msgspec.json.Encoder()
#: Kinds whose own filter matches the beginning of an id or a name, whatever the kind of the event.
_KINDS = ("daemon", "container", "plugin", "volume", "network", "service", "node", "secret", "config")
#: Actions that carry details after a colon.
_DETAILED = frozenset({"health_status", "exec_create", "exec_start"})


def events(call: Call) -> Stream:
    """`GET /events`: a JSON object a line, from `since` (else from now) to `until` (else until the client goes)."""
    try:
        since, until = parse_instant(call.param("since")), parse_instant(call.param("until"))
    except ApiError as error:
        raise internal(str(error)) from None
    if until and until < since:
        times = call.param("since"), call.param("until")
        raise bad_request(f"`since` time ({times[0]}) cannot be after `until` time ({times[1]})")
    filters = call.filters()
    source = call.engine.events.subscribe(since, until)
    return Stream(_lines(source, filters, call.version), "application/json")


async def _lines(source: AsyncIterator[Event], filters: Filters, version: ApiVersion) -> AsyncIterator[bytes]:
    async for event in source:
        # Events of the creation of images came with API 1.46.
        if event.type == "image" and event.action == "create" and version < ApiVersion(1, 46):
            continue
        if includes(filters, event):
            yield _ENCODER.encode(_message(event)) + b"\n"


def _message(event: Event) -> dict[str, Any]:
    """The event as clients see it; containers' and images' also in the form of long ago, which is still read."""
    legacy: dict[str, Any] = {}
    if event.type in {"container", "image"}:
        legacy = {"status": event.action, "id": event.actor_id}
    if event.type == "container":
        legacy["from"] = event.attributes.get("image", "")
    return {
        **legacy,
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.actor_id, "Attributes": sorted_map(event.attributes)},
        "scope": event.scope,
        "time": event.time_ns // 1_000_000_000,
        "timeNano": event.time_ns,
    }


def includes(filters: Filters, event: Event) -> bool:
    """Whether the filters let an event pass; unknown keys filter nothing."""
    name = event.attributes.get("name", "")
    image = name if event.type == "image" else event.attributes.get("image", "")
    return (
        _action(filters, event.action)
        and filters.exact("type", event.type)
        and filters.exact("scope", event.scope)
        and all(filters.prefix(kind, event.actor_id) or filters.prefix(kind, name) for kind in _KINDS)
        and filters.exact("image", event.actor_id, image, _untagged(event.actor_id), _untagged(image))
        and filters.labels("label", event.attributes)
    )


def _action(filters: Filters, action: str) -> bool:
    if _DETAILED & set(filters.get("event")):
        return filters.prefix("event", action)
    return filters.exact("event", action)


def _untagged(image: str) -> str:
    """A name without its tag."""
    head, slash, last = image.rpartition("/")
    return head + slash + last.partition(":")[0]


ROUTES = (Route("GET", "/events", events),)
