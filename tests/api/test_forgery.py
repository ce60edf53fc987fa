"""What a page in a browser can send, and what clients of the Engine API do send."""

import pytest

from .conftest import Client
from .test_hygiene import exchange

FORGED = [
    {"Origin": "https://page.example"},
    {"origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"SEC-FETCH-MODE": "no-cors"},
    {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-site"},
    {"sec-ch-ua": "x"},
    {"Referer": "http://127.0.0.1:8000/"},
    # A websocket is opened with an Origin that no page can leave out.
    {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "eA==", "Origin": "http://localhost"},
]
HOSTS_OF_PAGES = [
    "page.example",
    "a.b.c:80",
    "PAGE.EXAMPLE",
    "page.example.",
    "127.0.0.1.page.example",
    "127.page.example",
    "localhost.page.example",
    "page.localhost-example",
    "notlocalhost.example:2376",
    "page.sock.example",
    "v1.41.example",
    "1.0.0.28",
    "0.0.0.0",
    "0.0.0.0:2376",
    "10.0.0.1",
    "169.254.169.254",
    "[::]",
    "[::]:2376",
    "[::ffff:127.0.0.1]",
    "[fe80::1]",
    "[fe80::1%eth0]:80",
    "[page.example]",
]
HOSTS_OF_CLIENTS = [
    "docker",
    "localhost",
    "LocalHost:2376",
    "localhost.",
    "api.moby.localhost",
    "127.0.0.1:2375",
    "127.0.1.7",
    "[::1]",
    "[::1]:2376",
    "%2Ftmp%2Fa.sock",
    "unix.sock",
    "docker.sock",
    "v1.41",
    "1.28",
    "%2Fhome%2Fann%2F.local%2Frun%2Fnode-1.sock",
    "",
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
def test_what_a_browser_could_forge_is_refused(client: Client, headers: dict[str, str]) -> None:
    client.init()
    reply = client("POST", "/swarm/leave?force=1", headers=headers)
    assert (reply.status, reply.message) == (403, "requests from web pages are refused")


@pytest.mark.parametrize("host", HOSTS_OF_PAGES)
def test_a_name_of_a_page_s_own_leads_nowhere(client: Client, host: str) -> None:
    assert client("POST", "/swarm/leave", headers={"Host": host}).status == 403


@pytest.mark.parametrize("host", HOSTS_OF_CLIENTS)
def test_clients_of_the_engine_api_are_served(client: Client, host: str) -> None:
    assert client("GET", "/_ping", headers={"Host": host}).status == 200


def test_all_hosts_of_a_request_count(client: Client) -> None:
    two = b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nHost: page.example\r\n\r\n"
    whole = b"GET http://page.example/_ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for sent in (two, whole):
        assert exchange(client, sent).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), sent


def test_a_preflight_is_refused(client: Client) -> None:
    headers = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST"}
    reply = client("OPTIONS", "/containers/create", headers=headers)
    assert reply.status == 403
    assert not [name for name in reply.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("path", ["/swarm/init", "/networks/create"])
def test_what_a_page_may_send_without_asking_is_no_json(client: Client, path: str, kind: str) -> None:
    """Old browsers do not say where a request comes from; but these are the only types that they let pages send."""
    reply = client("POST", path, {}, headers={"Content-Type": kind})
    assert (reply.status, reply.message) == (400, f"Content-Type specified ({kind}) must be 'application/json'")


def test_node_s_own_fetch_is_no_page(client: Client) -> None:
    """Docker's SDK for Node.js sends these."""
    headers = {"sec-fetch-mode": "cors", "accept-language": "*", "User-Agent": "undici"}
    assert client("GET", "/version", headers=headers).status == 200
