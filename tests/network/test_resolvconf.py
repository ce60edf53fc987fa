"""Names that the C library asks for. Compared with containers of Docker 20.10.24 (Alpine's musl) and with glibc."""

import pytest

from swarmlab.network import Fabric, Member, Place
from swarmlab.network.resolvconf import candidates

DOCKER = "search two nn.\nnameserver 127.0.0.11\noptions ndots:0\n"
PLAIN = "nameserver 127.0.0.11\nsearch two\n"


@pytest.mark.parametrize(
    ("name", "resolv", "musl", "asked"),
    [
        ("web", DOCKER, True, ["web"]),
        ("web", DOCKER, False, ["web", "web.two", "web.nn"]),
        ("web", PLAIN, True, ["web.two", "web"]),
        ("web", PLAIN, False, ["web.two", "web"]),
        ("web.app", PLAIN, True, ["web.app"]),
        ("web.app", PLAIN, False, ["web.app", "web.app.two"]),
        ("web.", PLAIN, False, ["web."]),
        ("a.b", PLAIN + "options rotate ndots:2\n", True, ["a.b.two", "a.b"]),
        ("web", "search old\nsearch .\noptions ndots:x\n", False, ["web"]),
        ("web", "", True, ["web"]),
    ],
)
def test_which_names_are_asked_for(name: str, resolv: str, musl: bool, asked: list[str]) -> None:
    assert list(candidates(name, resolv, musl=musl)) == asked


def test_a_domain_may_be_what_makes_a_name_known() -> None:
    fabric = Fabric()
    for number, name in ((2, "web.two"), (3, "asks")):
        place = Place("id", "net", (f"10.0.0.{number}/24",), names=(name,))
        fabric.join(Member(name, "n1", name, (place,), announced=True))
    sandbox = fabric.sandbox("asks")
    assert sandbox.lookup("web") == []
    sandbox.resolv = lambda: PLAIN
    assert sandbox.lookup("web") == ["10.0.0.2"]
    sandbox.resolv, sandbox.musl = (lambda: DOCKER), True
    assert sandbox.lookup("web") == []
