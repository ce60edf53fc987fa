"""Answers as Go's server writes them: headers in its order, long bodies in one chunk, refusals with next to none."""

from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import HttpVersion11, hdrs, web

from swarmlab.api.call import Answer, Origin, Stream
from swarmlab.engine import API_VERSION, VERSION

#: What every answer of a handler says of the engine, in alphabetical order like all headers that Go writes.
ENGINE_HEADERS = {
    "Api-Version": API_VERSION,
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{VERSION} (linux)",
}
_HEADERS: Mapping[Origin, Mapping[str, str]] = {
    Origin.HANDLER: ENGINE_HEADERS,
    Origin.VERSIONS: {name: value for name, value in ENGINE_HEADERS.items() if name != "Docker-Experimental"},
    Origin.ROUTER: {},
}
#: Go keeps so many bytes of a body back, in the hope that they are all and it can tell the length.
_KEPT_BACK = 2048


def complete(result: Answer, request: web.BaseRequest) -> web.Response:
    """The response for a whole answer."""
    headers = {**_HEADERS[result.origin], **result.headers}
    if result.content_type:
        headers[hdrs.CONTENT_TYPE] = result.content_type
    response = _Response(status=result.status, body=result.body, headers=_sorted(headers))
    if len(result.body) > _KEPT_BACK and request.version == HttpVersion11:
        response.enable_chunked_encoding()
    return response


def streamed(result: Stream, request: web.BaseRequest) -> web.StreamResponse:
    """The response for a stream. HTTP/1.0 has no chunks: there the end of the connection is the stream's."""
    response = web.StreamResponse(headers=_sorted({**ENGINE_HEADERS, hdrs.CONTENT_TYPE: result.content_type}))
    if request.version == HttpVersion11:
        response.enable_chunked_encoding()
    else:
        response.force_close()
    return response


def unread(status: HTTPStatus, reason: str = "", text: str = "") -> web.Response:
    """What Go's server itself answers to what it does not take for a request; the connection ends with it.

    Go says `reason` in the status line too. `text` is the body where that is not the status line again.
    """
    line = f"{status.phrase}: {reason}" if reason else status.phrase
    response = _Unread(
        status=status,
        reason=line,
        body=(text or f"{status.value} {line}").encode(),
        headers={hdrs.CONTENT_TYPE: "text/plain; charset=utf-8"},
    )
    response.force_close()
    return response


def _sorted(headers: Mapping[str, str]) -> dict[str, str]:
    """Go writes a handler's headers by name, and its own behind them, of which the date is the first."""
    return {**{name: headers[name] for name in sorted(headers)}, hdrs.DATE: formatdate(usegmt=True)}


class _Response(web.Response):
    """Does not say that it is aiohttp's."""

    async def _prepare_headers(self) -> None:
        nameless = hdrs.SERVER not in self.headers
        await super()._prepare_headers()
        if nameless:
            self.headers.popall(hdrs.SERVER, None)


class _Unread(_Response):
    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        for name in (hdrs.CONTENT_LENGTH, hdrs.DATE):
            self.headers.popall(name, None)
