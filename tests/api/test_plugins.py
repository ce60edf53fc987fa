"""There are no plugins. What is expected here is what Docker 20.10.24 did without a network."""

import json

import pytest

from .conftest import Client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/plugins/x/json"),
        ("DELETE", "/plugins/x?force=1"),
        ("POST", "/plugins/x/enable?timeout=30"),
        ("POST", "/plugins/x/disable"),
        ("POST", "/plugins/x/push"),
        ("POST", "/plugins/x/set"),
    ],
)
def test_no_plugin_is_there(client: Client, method: str, path: str) -> None:
    reply = client(method, path)
    assert (reply.status, reply.message) == (404, 'plugin "x" not found')


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/plugins/x/enable", 500, 'strconv.Atoi: parsing "": invalid syntax'),
        ("GET", "/plugins/privileges?remote=[", 500, "invalid reference format"),
        ("POST", "/plugins/x/upgrade?remote=x", 404, 'plugin "x:latest" not found'),
        ("POST", "/plugins/pull?remote=", 500, "invalid reference format"),
        (
            "POST",
            "/plugins/pull?remote=vieux/sshfs",
            500,
            "error resolving plugin reference: failed to do request: Head "
            '"https://registry-1.docker.io/v2/vieux/sshfs/manifests/latest": dial tcp: lookup registry-1.docker.io: '
            "no such host",
        ),
    ],
)
def test_none_can_be_had(client: Client, method: str, path: str, status: int, message: str) -> None:
    reply = client(method, path)
    assert (reply.status, reply.message) == (status, message)
    assert client("GET", "/plugins/privileges?remote=x").json == []


def test_a_wrong_list_of_privileges(client: Client) -> None:
    reply = client("POST", "/plugins/pull?remote=x", {})
    assert (reply.status, reply.message) == (400, "json: cannot unmarshal object into Go value of type []string")
    reply = client("POST", "/plugins/x/set", b"[")
    assert (reply.status, reply.message) == (400, "unexpected EOF")


def test_the_list_is_empty_and_knows_its_filters(client: Client) -> None:
    assert client.filtered("/plugins", enabled=["true"], capability=["volumedriver"]).json == []
    for filters, value in (({"foo": ["x"]}, "'foo'"), ({"enabled": ["x"]}, "'enabled=[x]'")):
        reply = client("GET", "/plugins", params={"filters": json.dumps(filters)})
        assert (reply.status, reply.message) == (400, f"Invalid filter {value}")
    assert client("GET", "/plugins?filters=null").json == []
