import json

import pytest

from .conftest import Client

NO_HUB = 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'


@pytest.mark.parametrize(
    ("path", "repository", "error"),
    [
        ("alpine/push", "docker.io/library/alpine", NO_HUB),
        ("training/whoami/push?tag=latest", "docker.io/training/whoami", NO_HUB),
        ("nosuch/push", "docker.io/library/nosuch", "An image does not exist locally with the tag: nosuch"),
        (
            "localhost:5000/a/push",
            "localhost:5000/a",
            'Get "http://localhost:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
        ),
        (
            "example.org/a/push",
            "example.org/a",
            'Get "https://example.org/v2/": dial tcp: lookup example.org: no such host',
        ),
    ],
)
def test_there_is_nowhere_to_push_to(client: Client, path: str, repository: str, error: str) -> None:
    for name in ("localhost:5000/a", "example.org/a"):
        client("POST", f"/images/alpine/tag?repo={name}")
    reply = client("POST", f"/images/{path}")
    assert reply.status == 200
    assert [json.loads(line) for line in reply.body.splitlines()] == [
        {"status": f"The push refers to repository [{repository}]"},
        {"errorDetail": {"message": error}, "error": error},
    ]


def test_a_name_that_is_none(client: Client) -> None:
    reply = client("POST", "/images/NoSuch/push")
    assert (reply.status, reply.message) == (500, "invalid reference format: repository name must be lowercase")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("term=a%20b", 500, 'Get "https://index.docker.io/v1/search?q=a%20b&n=25": dial tcp: lookup index.docker.io: '),
        ("term=x&limit=a", 500, 'strconv.Atoi: parsing "a": invalid syntax'),
        ("term=x&limit=200", 400, "Limit 200 is outside the range of [1, 100]"),
        ("term=x&filters=%7B%22foo%22%3A%5B%22x%22%5D%7D", 400, "Invalid filter 'foo'"),
        ("term=x&filters=%7B%22stars%22%3A%5B%22x%22%5D%7D", 400, "Invalid filter 'stars=x'"),
        ("term=x&filters=%7B%22is-official%22%3A%5B%22x%22%5D%7D", 400, "Invalid filter 'is-official=[x]'"),
    ],
)
def test_there_is_nowhere_to_search(client: Client, query: str, status: int, message: str) -> None:
    reply = client("GET", f"/images/search?{query}")
    assert (reply.status, reply.message[: len(message)]) == (status, message)


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("", 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'),
        (
            "https://index.docker.io/v1/",
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
        ),
        ("reg.example.com", 'Get "https://reg.example.com/v2/": dial tcp: lookup reg.example.com: no such host'),
        ("localhost:5000", 'Get "http://localhost:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused'),
    ],
)
def test_there_is_nowhere_to_log_in(client: Client, server: str, message: str) -> None:
    reply = client("POST", "/auth", {"username": "a", "password": "b", "serveraddress": server})
    assert (reply.status, reply.json["message"]) == (500, message)
