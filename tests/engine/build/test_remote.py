import pytest

from swarmlab.engine.build.remote import refusal


@pytest.mark.parametrize(
    ("remote", "status", "message"),
    [
        (
            "https://github.com/x/y.git#main",
            500,
            "error fetching: fatal: unable to access 'https://github.com/x/y.git/': "
            "Could not resolve host: github.com\n: exit status 128",
        ),
        (
            "git://nosuch.invalid/x.git",
            500,
            "error fetching: fatal: unable to look up nosuch.invalid (port 9418) "
            "(Temporary failure in name resolution)\n: exit status 128",
        ),
        (
            "http://nosuch.invalid/x",
            500,
            'error downloading remote context http://nosuch.invalid/x: Get "http://nosuch.invalid/x": '
            "dial tcp: lookup nosuch.invalid: no such host",
        ),
        (
            "https://127.0.0.1/x",
            500,
            'error downloading remote context https://127.0.0.1/x: Get "https://127.0.0.1/x": '
            "dial tcp 127.0.0.1:443: connect: connection refused",
        ),
        (
            "http://10.9.8.7:81/x",
            500,
            'error downloading remote context http://10.9.8.7:81/x: Get "http://10.9.8.7:81/x": '
            "dial tcp 10.9.8.7:81: connect: network is unreachable",
        ),
        ("foo", 500, "remoteURL (foo) could not be recognized as URL"),
        (
            "client-session",
            400,
            "experimental session with v1 builder is no longer supported, use builder version v2 (BuildKit) instead",
        ),
    ],
)
def test_nothing_is_fetched(remote: str, status: int, message: str) -> None:
    error = refusal(remote)
    assert (error.status, str(error)) == (status, message)
