"""One request on its way through the API: what a handler gets and what it gives back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from http import HTTPStatus
from typing import IO, Any, Literal, NamedTuple, Protocol, TypeVar, cast

import msgspec
from multidict import MultiMapping

from swarmlab.api.contenttype import check_json
from swarmlab.api.decode import decode
from swarmlab.api.encode import dumps
from swarmlab.api.query import Filters, truthy
from swarmlab.engine import DockerEngine
from swarmlab.manager.controlapi import ControlAPI
from swarmlab.objects import Spec
from swarmlab.store import Actor

S = TypeVar("S", bound=Spec)
#: For answers built of plain dictionaries, whose order is Docker's order of fields.
_UNSORTED = msgspec.json.Encoder()


class Origin(Enum):
    """How far a request came, which decides what the answer's headers say of the engine."""

    ROUTER = "router"
    VERSIONS = "versions"
    HANDLER = "handler"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response. An empty `content_type` sends none, as Docker does for answers without a body."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = Origin.HANDLER


@dataclass(frozen=True, slots=True)
class Stream:
    """A response whose parts come one by one; headers are sent before the first part is there.

    `forget` gives up what was begun before the first part was asked for.
    """

    parts: AsyncIterator[bytes]
    content_type: str
    forget: Callable[[], object] = lambda: None

    async def close(self) -> None:
        """Nobody wants the parts any more, be they sent or not."""
        await cast(Any, self.parts).aclose()
        self.forget()


class Connection(Protocol):
    """The raw bytes of a connection that HTTP has left."""

    async def read(self) -> bytes:
        """What the client sends next, empty once it has said all."""

    async def write(self, data: bytes) -> None:
        """Send bytes, waiting for a slow client. Raises ConnectionError when it has gone."""


@dataclass(frozen=True, slots=True)
class Hijack:
    """A response after which the connection belongs to `run`, until that returns.

    `close` is called at the end, also when it never came to `run`. With `frames` it is a websocket, whose messages are
    `binary` or `text`. A `refusal` is the status of one that is taken over only to say what is wrong. `told` says
    whether the answer's headers tell of the engine.
    """

    run: Callable[[Connection], Awaitable[None]]
    content_type: str
    close: Callable[[], Awaitable[None]]
    frames: Literal["", "binary", "text"] = ""
    refusal: int = 0
    told: bool = True


Response = Answer | Stream | Hijack


async def _no_upload() -> IO[bytes]:
    raise RuntimeError("only the body of a route with upload=True comes as a file")


NO_CONTENT = Answer(HTTPStatus.NO_CONTENT)
DONE = Answer()


def answer(value: Any, status: int = HTTPStatus.OK) -> Answer:
    """A value as JSON."""
    return encoded(dumps(value), status)


def document(value: Any, status: int = HTTPStatus.OK) -> Answer:
    """A value as JSON with its maps in the order they have."""
    return encoded(_UNSORTED.encode(value) + b"\n", status)


def encoded(body: bytes, status: int = HTTPStatus.OK) -> Answer:
    """A body that is JSON already."""
    return Answer(status, body, "application/json")


class ApiVersion(NamedTuple):
    """A version of the Engine API; compares as numbers do."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> "ApiVersion":
        """Read `1.41`; what is missing is 0."""
        major, _, minor = text.partition(".")
        return cls(int(major or 0), int(minor.partition(".")[0] or 0))


@dataclass
class Call:
    """A request, with its path already matched: `names` are the parts of the path that the route names."""

    engine: DockerEngine
    method: str
    path: str
    version: ApiVersion
    query: MultiMapping[str]
    names: Mapping[str, str]
    body: bytes = b""
    content_type: str = ""
    client: str = ""
    #: The protocol that the client would go on with.
    upgrade: str = ""
    #: Receives the body of a route with `upload=True`, of any size, as a file, on disk when it is large. Whoever calls
    #: this closes it. Check what can be checked before: refusals need not wait for the body. Raises OSError.
    upload: Callable[[], Awaitable[IO[bytes]]] = _no_upload

    @cached_property
    def control(self) -> ControlAPI:
        """The swarm's control API. Raises EngineError (503) when this engine is no manager."""
        return self.engine.cluster.control()

    @property
    def actor(self) -> Actor:
        """Who asks, for the journal."""
        return Actor(engine=self.engine.name, request=f"{self.method} {self.path}", client=self.client)

    @property
    def name(self) -> str:
        """The object that the path names."""
        return self.names["name"]

    def param(self, key: str) -> str:
        """A query parameter, empty when absent."""
        return self.query.get(key, "")

    def flag(self, key: str) -> bool:
        """A query parameter as one of the daemon's own booleans."""
        return truthy(self.param(key))

    def filters(self, *accepted: str) -> Filters:
        """The `filters` parameter, its keys checked when some are named. Raises ApiError (400)."""
        filters = Filters.parse(self.param("filters"))
        if accepted:
            filters.validate(*accepted)
        return filters

    def decode(self, kind: type[S], go_type: str = "") -> S:
        """The body as a spec. Raises ApiError (400), also for a body that does not say that it is JSON."""
        if self.body or self.content_type:
            check_json(self.content_type)
        return decode(self.body, kind, go_type)


Handler = Callable[[Call], Response | Awaitable[Response]]


class Route(NamedTuple):
    """`path` names parts in braces; `{name}` is one segment, `{name*}` may contain slashes.

    With `upload` the body is no JSON: it is not read before the handler asks for it with `Call.upload`.
    """

    method: str
    path: str
    handler: Handler
    upload: bool = False
