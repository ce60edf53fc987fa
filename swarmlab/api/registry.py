"""What only a registry could answer: `docker login`, `push` and `search` (MB: daemon/server/router/{system,image}).

There is none, and no network: Docker's own errors of such a machine.
"""

import re
from collections.abc import Iterator
from urllib.parse import quote

from swarmlab.api.call import Answer, Call, Route, Stream
from swarmlab.api.errors import bad_request, internal
from swarmlab.api.progress import Message, failure, listed, messages
from swarmlab.images import check_reference, parse_reference
from swarmlab.objects.requests import AuthConfig

HUB = "registry-1.docker.io"
HUBS = frozenset({"", "docker.io", "index.docker.io", HUB})
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_MOST = 100


def push(call: Call) -> Stream:
    """`POST /images/{name}/push`."""
    tag = call.param("tag")
    text = f"{call.name}:{tag}" if tag else call.name
    try:
        check_reference(text)
    except ValueError as error:
        raise internal(str(error)) from None
    return messages(listed(_refused(call, text)))


def _refused(call: Call, text: str) -> Iterator[Message]:
    reference = parse_reference(text)
    yield {"status": f"The push refers to repository [{reference.qualified}]"}
    here = [name for image in call.engine.images.images() for name in image.tags]
    if not any(parse_reference(name).name == reference.name for name in here):
        yield failure(f"An image does not exist locally with the tag: {reference.name}")
        return
    host = reference.qualified.partition("/")[0]
    yield failure(unreachable(host))


def unreachable(host: str) -> str:
    """What Go says of a registry, by host and perhaps port, that cannot be had; this machine's own could be there."""
    host = HUB if host in HUBS else host
    name, _, port = host.partition(":")
    if name in _LOOPBACK:
        return f'Get "http://{host}/v2/": dial tcp 127.0.0.1:{port or 80}: connect: connection refused'
    return f'Get "https://{host}/v2/": dial tcp: lookup {name}: no such host'


def login(call: Call) -> Answer:
    """`POST /auth`: nobody can be asked whether the password is right, and it is kept nowhere."""
    server = call.decode(AuthConfig).server_address
    host = server.partition("://")[2] if "://" in server else server
    host = host.partition("/")[0]
    raise internal(unreachable(host))


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
