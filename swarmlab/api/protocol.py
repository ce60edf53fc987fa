"""HTTP as Go's server speaks it, where aiohttp's differs: refusals, and clients that have said all but still listen."""

import asyncio
import re
import select
from http import HTTPStatus
from typing import Any

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong, PayloadEncodingError
from aiohttp.web_protocol import RequestHandler

from swarmlab.api.call import Answer, Origin
from swarmlab.api.replies import complete, unread

#: So long a stream may go on for a client that has closed its side, in seconds. Most of those have gone.
_LAST_WORDS = 1.0
_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_REQUEST_LINE = re.compile(rf"b['\"]{_WORD} \S+ HTTP/1\.[01]['\"]")
#: What cannot be in a host's name (Go: httpguts.ValidHostHeader).
_WRONG_HOST = re.compile(r"[^A-Za-z0-9!$%&'()*+,.:;=\[\]_~-]")


class Protocol(RequestHandler):
    """One connection."""

    __slots__ = ("_half_closed", "_stream")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._half_closed = False
        self._stream: asyncio.Task[Any] | None = None

    def eof_received(self) -> bool:  # type: ignore[override]
        """Called by the transport: whoever has closed one side only gets the answers to what was asked before."""
        is_idle = self._waiter is not None and not self._messages
        if is_idle or self._has_gone() or self._parser is None:
            return False
        try:
            self._parser.feed_eof()
        except PayloadEncodingError:
            # In the middle of a body.
            return False
        except HttpProcessingError:
            # What came before has been refused already.
            pass
        self._half_closed = True
        self._limit_stream()
        return True

    def stream(self, task: "asyncio.Task[Any] | None") -> None:
        """`task` begins to send a stream, or (None) has sent it."""
        self._stream = task
        if self._half_closed:
            self._limit_stream()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send what is left of an answer; after the last one to a client that has closed its side, close too."""
        done = await super().finish_response(request, resp, start_time)
        if self._half_closed and not self._messages:
            self.close()
        return done

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is no request, in Go's words. The connection ends with it."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        text = message or ""
        if text.startswith("Invalid method") and _REQUEST_LINE.search(text):
            # The parser knows a few methods only, Docker's router refuses the others as it does unknown paths.
            body = b'{"message":"page not found"}\n'
            answer = Answer(HTTPStatus.NOT_FOUND, body, "application/json", origin=Origin.ROUTER)
            response = complete(answer, request)
            response.force_close()
        elif isinstance(exc, LineTooLong):
            response = unread(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            reason = "missing required Host header" if text.startswith("Missing 'Host'") else ""
            response = unread(HTTPStatus.BAD_REQUEST, reason)
        # aiohttp takes what it cannot read for a request of HTTP/1.0.
        request._version = HttpVersion11
        return response

    def _limit_stream(self) -> None:
        if self._stream is not None:
            self._loop.call_later(_LAST_WORDS, self._stream.cancel)

    def _has_gone(self) -> bool:
        """Whether the other end of a Unix socket is closed altogether; of TCP nobody can tell."""
        raw = self.transport.get_extra_info("socket") if self.transport is not None else None
        if raw is None or not hasattr(select, "poll"):
            return False
        poll = select.poll()
        poll.register(raw.fileno(), 0)
        return any(event & select.POLLHUP for _, event in poll.poll(0))


class HttpServer(web.Server):
    """Makes a `Protocol` for each connection."""

    def __call__(self) -> RequestHandler:
        """See `web.Server`."""
        return Protocol(self, loop=self._loop, **self._kwargs)


def wrong(request: web.BaseRequest) -> web.Response | None:
    """Go's refusal of a request that the parser lets through; None when there is nothing wrong with it."""
    # `version` would be remembered, and the refusal is one of HTTP/1.1.
    asked, request._version = request._version, min(max(request._version, HttpVersion10), HttpVersion11)
    if asked != request._version:
        request._version = HttpVersion11
        if asked > HttpVersion11:
            return unread(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "unsupported protocol version")
        return unread(HTTPStatus.BAD_REQUEST)
    if _WRONG_HOST.search(request.headers.get("Host", "")):
        return unread(HTTPStatus.BAD_REQUEST, "malformed Host header")
    coding = request.headers.get("Transfer-Encoding", "chunked")
    if coding.lower() != "chunked" and request.version == HttpVersion11:
        return unread(HTTPStatus.NOT_IMPLEMENTED, text="Unsupported transfer encoding")
    return None
