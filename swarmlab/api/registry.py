"""What registries answer: `docker login`, `push` and `search` (MB: daemon/server/router/{system,image}).

There are those that run in the lab, and none elsewhere: Docker's own errors of a machine without a network.
"""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from swarmlab.api.call import Answer, Call, Route, Stream, answer
from swarmlab.api.errors import bad_request, internal
from swarmlab.api.progress import Message, bar, failure, messages, step
from swarmlab.api.pulls import short
from swarmlab.engine import EngineError, PushedTag
from swarmlab.engine.image import transfers
from swarmlab.images import Reference, check_reference, parse_reference
from swarmlab.objects.requests import AuthConfig

_MOST = 100


def push(call: Call) -> Stream:
    """`POST /images/{name}/push`."""
    tag = call.param("tag")
    text = f"{call.name}:{tag}" if tag else call.name
    try:
        check_reference(text)
    except ValueError as error:
        raise internal(str(error)) from None
    return messages(_pushed(call, parse_reference(text), every=not tag))


async def _pushed(call: Call, reference: Reference, *, every: bool) -> AsyncIterator[Message]:
    yield {"status": f"The push refers to repository [{reference.qualified}]"}
    try:
        async for event in transfers.push(call.engine.images, reference, every=every):
            if isinstance(event, PushedTag):
                yield {"status": f"{event.tag}: digest: {event.digest} size: {event.size}"}
                yield {"progressDetail": {}, "aux": {"Tag": event.tag, "Digest": event.digest, "Size": event.size}}
            elif event.size:
                yield bar(event.state, short(event.layer), event.done, event.size)
            else:
                yield step(event.state, short(event.layer))
    except EngineError as error:
        yield failure(str(error))


async def login(call: Call) -> Answer:
    """`POST /auth`: registries of the lab ask for no password, and it is kept nowhere."""
    server = call.decode(AuthConfig).server_address
    host = server.partition("://")[2] if "://" in server else server
    await transfers.check(call.engine.images, host.partition("/")[0])
    return answer({"IdentityToken": "", "Status": "Login Succeeded"})


def search(call: Call) -> Answer:
    """`GET /images/search`."""
    text = call.param("limit")
    try:
        limit = int(text or 25)
    except ValueError:
        raise internal(f'strconv.Atoi: parsing "{text}": invalid syntax') from None
    filters = call.filters("is-automated", "is-official", "stars")
    for key in ("is-automated", "is-official"):
        filters.flag(key)
    for stars in filters.get("stars"):
        if not re.fullmatch(r"[+-]?[0-9]+", stars):
            raise bad_request(f"Invalid filter 'stars={stars}'")
    if not 1 <= limit <= _MOST:
        raise bad_request(f"Limit {limit} is outside the range of [1, {_MOST}]")
    url = f"https://index.docker.io/v1/search?q={quote(call.param('term'), safe='')}&n={limit}"
    raise internal(f'Get "{url}": dial tcp: lookup index.docker.io: no such host')


ROUTES = (
    Route("POST", "/auth", login),
    Route("POST", "/images/{name*}/push", push),
    Route("GET", "/images/search", search),
)
