"""Requests as strange as clients make them, over a raw socket; the expected answers are those of a real engine."""

import asyncio
import json
import socket

import pytest

from swarmlab.api import protocol

from .conftest import Client


def exchange(client: Client, sent: bytes, *, half_close: bool = True) -> bytes:
    """Everything that is answered until the connection ends."""

    async def work() -> bytes:
        await client.connect()
        reader, writer = await asyncio.open_unix_connection(str(client.socket))
        writer.write(sent)
        if half_close:
            writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await writer.wait_closed()
        return answer

    return client.run(work())


def get(path: str, *headers: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: docker", *headers, "", ""]
    return "\r\n".join(lines).encode()


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: docker", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("//v1.41//info", "/v1.41/info"),
        ("/v1.41//containers/create", "/v1.41/containers/create"),
        ("/v1.41/../info?a=b", "/info?a=b"),
        ("/v1.41/./info", "/v1.41/info"),
        ("/v1.41/containers//json", "/v1.41/containers/json"),
        ("/v1.41/images/a//b/json", "/v1.41/images/a/b/json"),
        ("/v1.41/%2e%2e/info", "/info"),
    ],
)
def test_paths_are_cleaned_by_a_redirect(client: Client, asked: str, place: str) -> None:
    head = exchange(client, get(asked)).decode()
    assert head.startswith("HTTP/1.1 301 ")
    assert f"Location: {place}\r\n" in head


@pytest.mark.parametrize("path", ["/info/", "/v1.41/containers/json/", "/", "/v1.41", "/V1.41/info", "/_ping#x"])
def test_other_paths_lead_nowhere(client: Client, path: str) -> None:
    answer = exchange(client, get(path))
    assert statuses(answer) == [404]
    assert answer.endswith(b'{"message":"page not found"}\n')


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/containers/a%2Fb/json", "No such container: a/b"),
        ("/containers/a/b/json", "No such container: a/b"),
        ("/containers/%61%62/json", "No such container: ab"),
        ("/containers/a+b/json", "No such container: a+b"),
        ("/containers/a%20b/json", "No such container: a b"),
        ("/containers/%00/json", "No such container: \0"),
        ("/containers/%ff/json", "No such container: \ufffd"),
        ("/containers/%0a/json", "page not found"),
    ],
)
def test_names_are_decoded_once(client: Client, path: str, message: str) -> None:
    answer = exchange(client, get(path))
    assert statuses(answer) == [404]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"] == message


def test_a_path_is_matched_as_it_is_meant(client: Client) -> None:
    assert statuses(exchange(client, get("/v1.41/%5fping"))) == [200]
    assert statuses(exchange(client, get("http://docker/v1.41/_ping"))) == [200]


def test_a_wrong_escape_in_the_path_is_no_request(client: Client) -> None:
    answer = exchange(client, get("/containers/%zz/json"), half_close=False)
    assert statuses(answer) == [400]
    assert answer.endswith(b"\r\n\r\n400 Bad Request")


@pytest.mark.parametrize(
    ("query", "message"),
    [("a;b=1", "invalid semicolon separator in query"), ("all=%zz", 'invalid URL escape "%zz"'),
     ("all=%4", 'invalid URL escape "%4"')],
)  # fmt: skip
def test_a_query_is_read_by_go_s_rules(client: Client, query: str, message: str) -> None:
    answer = exchange(client, get(f"/containers/json?{query}"))
    assert statuses(answer) == [400]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"] == message


def test_methods_that_nobody_knows(client: Client) -> None:
    for sent in (b"FOO /info HTTP/1.1\r\nHost: docker\r\n\r\n", b"PATCH /info HTTP/1.1\r\nHost: docker\r\n\r\n"):
        answer = exchange(client, sent)
        assert statuses(answer) == [404]
        assert answer.endswith(b'{"message":"page not found"}\n')
    answer = exchange(client, b"OPTIONS /whatever HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert statuses(answer) == [200]
    assert answer.endswith(b"\r\n\r\n")


def test_head_has_no_body(client: Client) -> None:
    answer = exchange(client, b"HEAD /info HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert statuses(answer) == [404]
    assert b"Content-Length: 29\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (b"GET /_ping HTTP/1.1\r\n\r\n", 400, b"400 Bad Request: missing required Host header"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 garbage\r\n\r\n", 400, b"400 Bad Request"),
        (b"GET / HTTP/9.9 x\r\nHost: docker\r\n\r\n", 400, b"400 Bad Request"),
        (b"GET /_ping HTTP/1.1\r\nHost: docker\r\nno header\r\n\r\n", 400, b"400 Bad Request"),
        (
            b"GET /_ping HTTP/1.1\r\nHost: docker\r\nX: " + b"x" * ((1 << 20) + 100) + b"\r\n\r\n",
            431,
            b"431 Request Header Fields Too Large",
        ),
    ],
    ids=["no host", "tls", "version", "header", "long"],
)
def test_what_is_no_request_is_refused_in_go_s_words(
    client: Client, sent: bytes, status: int, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = exchange(client, sent, half_close=False)
    assert statuses(answer) == [status]
    assert answer.endswith(b"\r\n\r\n" + text)
    assert not caplog.records


def test_the_connection_survives_errors_and_takes_requests_in_advance(client: Client) -> None:
    bad = post("/networks/create", b"{bad", "Content-Type: application/json")
    answer = exchange(client, bad + get("/nosuch") + get("/v9.9/info") + get("/_ping"))
    assert statuses(answer) == [400, 404, 400, 200]


def test_who_has_said_all_is_answered_nevertheless(client: Client) -> None:
    assert statuses(exchange(client, get("/_ping"))) == [200]
    assert statuses(exchange(client, post("/swarm/init", b"{}", "Content-Type: application/json"))) == [200]


def test_a_request_that_breaks_off_is_none(client: Client) -> None:
    cut = post("/swarm/init", b"{}", "Content-Type: application/json")[:-1]
    assert exchange(client, cut) == b""
    assert exchange(client, b"GET /_ping HT") == b""
    assert client("GET", "/swarm").status == 503


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(client: Client) -> None:
    async def work() -> bytes:
        await client.connect()
        reader, writer = await asyncio.open_unix_connection(str(client.socket))
        asking = post("/swarm/init", b"{}", "Expect: 100-continue", "Content-Type: application/json")
        writer.write(asking[:-2])
        asked = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"{}")
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.close()
        await writer.wait_closed()
        return answer

    assert statuses(client.run(work())) == [200]


def test_other_expectations_fail(client: Client) -> None:
    answer = exchange(client, post("/swarm/init", b"{}", "Expect: more", "Content-Type: application/json"))
    assert statuses(answer) == [417]
    assert client("GET", "/swarm").status == 503


def test_bodies_in_chunks_are_whole(client: Client) -> None:
    whole = post("/swarm/init", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "Content-Type: application/json")
    assert statuses(exchange(client, whole.replace(b"Content-Length: 17", b"Transfer-Encoding: chunked"))) == [200]


def test_a_stream_ends_soon_after_its_client_has_said_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LAST_WORDS", 0.01)
    client.engine.events.subscribe = _forever  # type: ignore[assignment]
    head = exchange(client, get("/events"))
    assert statuses(head) == [200]


async def _forever(since: int, until: int) -> object:
    await asyncio.Event().wait()
    yield None


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [
        ("application/json", True),
        ("APPLICATION/JSON", True),
        ("application/json; charset=utf-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json;;", False),
        ("application/jsonx", False),
        ("foo", False),
        (";;", False),
    ],
)
def test_content_types(client: Client, kind: str, accepted: bool) -> None:
    reply = client("POST", "/swarm/init", {}, headers={"Content-Type": kind})
    assert reply.status == (200 if accepted else 400)
    if not accepted:
        assert reply.message == f"Content-Type specified ({kind}) must be 'application/json'"


def test_a_body_without_a_type_is_refused_but_nothing_needs_no_type(client: Client) -> None:
    answer = exchange(client, post("/swarm/init", b"{}"))
    assert b"Content-Type specified () must be 'application/json'" in answer
    assert b"got EOF while reading request body" in exchange(client, post("/swarm/init", b""))


def test_a_connection_says_nothing_for_as_long_as_it_likes(client: Client) -> None:
    async def work() -> bytes:
        await client.connect()
        with socket.socket(socket.AF_UNIX) as silent:
            silent.setblocking(False)
            await client.loop.sock_connect(silent, str(client.socket))
            await client.loop.sock_sendall(silent, get("/_ping"))
            return await client.loop.sock_recv(silent, 12)

    assert client.run(work()) == b"HTTP/1.1 200"


def head(answer: bytes) -> list[str]:
    """The first line and the names of the headers, in their order."""
    first, *headers = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return [first, *(header.partition(":")[0] for header in headers)]


ENGINE = ["Api-Version", "Content-Type", "Docker-Experimental", "Ostype", "Server", "Date"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (get("/nosuch"), ["HTTP/1.1 404 Not Found", "Content-Type", "Date", "Content-Length"]),
        (get("//info"), ["HTTP/1.1 301 Moved Permanently", "Location", "Date", "Content-Length"]),
        (
            get("/v9.9/info"),
            ["HTTP/1.1 400 Bad Request", *(name for name in ENGINE if name != "Docker-Experimental"), "Content-Length"],
        ),
        (
            get("/v1.12/info"),
            [
                "HTTP/1.1 400 Bad Request",
                *(name for name in ENGINE[:-2] if name != "Docker-Experimental"),
                *("Server", "X-Content-Type-Options", "Date", "Content-Length"),
            ],
        ),
        (get("/containers/nosuch/json"), ["HTTP/1.1 404 Not Found", *ENGINE, "Content-Length"]),
        (get("/events?since=1&until=2"), ["HTTP/1.1 200 OK", *ENGINE, "Transfer-Encoding"]),
        (b"FOO /info HTTP/1.1\r\nHost: docker\r\n\r\n", ["HTTP/1.1 404 Not Found", "Content-Type", "Date",
                                                         "Content-Length", "Connection"]),
        (get("/containers/%zz/json"), ["HTTP/1.1 400 Bad Request", "Content-Type", "Connection"]),
        (b"GET /_ping HTTP/1.1\r\n\r\n", ["HTTP/1.1 400 Bad Request: missing required Host header", "Content-Type",
                                          "Connection"]),
        (post("/containers/nosuch/attach", b""), ["HTTP/1.1 404 Not Found", "Content-Type"]),
    ],
    ids=["no page", "moved", "new", "old", "error", "stream", "method", "escape", "host", "attach"],
)  # fmt: skip
def test_the_headers_are_go_s_in_go_s_order(client: Client, sent: bytes, expected: list[str]) -> None:
    assert head(exchange(client, sent)) == expected


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (get("/_ping").replace(b"1.1", b"2.0"),
         b"505 HTTP Version Not Supported: unsupported protocol version"),
        (b"GET /_ping\r\n\r\n", b"400 Bad Request"),
        (get("/_ping").replace(b"docker", b"/run/docker.sock"), b"400 Bad Request: malformed Host header"),
        (get("/_ping").replace(b"docker", b"a b"), b"400 Bad Request: malformed Host header"),
    ],
    ids=["2.0", "0.9", "path", "space"],
)  # fmt: skip
def test_what_the_parser_lets_through_and_go_does_not(client: Client, sent: bytes, text: bytes) -> None:
    answer = exchange(client, sent, half_close=False)
    assert answer.startswith(b"HTTP/1.1 " + text + b"\r\nContent-Type: text/plain; charset=utf-8\r\n")
    assert answer.endswith(b"\r\n\r\n" + text)


def test_a_body_that_is_packed_for_the_way_is_refused(client: Client) -> None:
    chunks = post("/swarm/init", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", "Content-Type: application/json")
    answer = exchange(client, chunks.replace(b"Content-Length: 17", b"Transfer-Encoding: gzip, chunked"))
    assert statuses(answer) == [501]
    assert answer.endswith(b"\r\n\r\nUnsupported transfer encoding")
    assert client("GET", "/swarm").status == 503


def test_a_host_may_be_a_socket_whose_name_is_escaped(client: Client) -> None:
    assert statuses(exchange(client, get("/_ping").replace(b"docker", b"%2Frun%2Fdocker.sock"))) == [200]


def test_a_long_body_is_one_chunk_and_a_short_one_has_a_length(client: Client) -> None:
    answer = exchange(client, get("/images/json"))
    beginning, _, rest = answer.partition(b"\r\n\r\n")
    size, _, chunk = rest.partition(b"\r\n")
    assert b"Transfer-Encoding: chunked" in beginning
    assert chunk == chunk[: int(size, 16)] + b"\r\n0\r\n\r\n"
    assert len(json.loads(chunk[: int(size, 16)])) > 3
    old = exchange(client, get("/images/json").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert b"Transfer-Encoding" not in old
    assert json.loads(old.partition(b"\r\n\r\n")[2]) == json.loads(chunk[: int(size, 16)])


def test_a_stream_for_http_1_0_ends_with_its_connection(client: Client) -> None:
    answer = exchange(client, get("/events?since=1&until=2").replace(b"HTTP/1.1", b"HTTP/1.0"), half_close=False)
    beginning, _, rest = answer.partition(b"\r\n\r\n")
    assert beginning.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"Transfer-Encoding" not in beginning
    assert rest == b""


def test_a_ping_that_asks_for_the_head_is_told_that_there_is_no_more(client: Client) -> None:
    answer = exchange(client, b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert b"\r\nContent-Length: 0\r\n" in answer


def test_nobody_is_attached_to_what_is_not_there(client: Client) -> None:
    answer = exchange(client, post("/containers/nosuch/attach?stream=1", b"", "Upgrade: tcp", "Connection: Upgrade"))
    kind = b"Content-Type: application/vnd.docker.raw-stream"
    assert answer == b"HTTP/1.1 404 Not Found\r\n" + kind + b"\r\n\r\nNo such container: nosuch\r\n"


@pytest.mark.parametrize(("path", "status"), [("/session", 400), ("/grpc", 500)])
def test_buildkit_is_refused_as_a_protocol_that_is_not_spoken(client: Client, path: str, status: int) -> None:
    for headers, message in (
        ([], "no upgrade proto in request"),
        (["Connection: Upgrade", "Upgrade: h2c"], "protocol h2c not supported"),
    ):
        answer = exchange(client, post(path, b"", *headers))
        assert statuses(answer) == [status]
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["message"] == message


def test_paths_that_end_where_a_name_should_be(client: Client) -> None:
    assert client("GET", "/networks/").json == client("GET", "/networks").json
    assert client("GET", "/volumes/").message == "get: no such volume"
