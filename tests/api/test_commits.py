from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Client
from .live import Live, frames


@pytest.fixture
def live(client: Client, tmp_path: Path) -> Iterator[Live]:
    made = Live(client, tmp_path)
    script = "echo hi > /new; rm /etc/passwd; mkdir -p /d/e; echo x >> /etc/group; echo at rest; sleep 1000"
    made.run("sh", "-c", script, Env=["Q=1"], Labels={"cl": "1"})
    while b"at rest" not in made.client("GET", "/containers/box/logs?stdout=1").body:
        pass
    yield made
    made.close()


def commit(live: Live, query: str = "", body: Any = None) -> Any:
    """The image that comes of it."""
    reply = live.client("POST", f"/commit?container=box&{query}", body)
    assert reply.status == 201, reply.body
    return live.client("GET", f"/images/{reply.json['Id']}/json").json


def test_a_container_becomes_an_image(live: Live) -> None:
    parent = live.client("GET", "/images/alpine/json").json
    found = commit(live, "repo=mine&tag=1&author=me&comment=why&changes=CMD%20cat%20/new")
    assert (found["RepoTags"], found["Author"], found["Comment"], found["Parent"]) == (
        ["mine:1"], "me", "why", parent["Id"]
    )  # fmt: skip
    assert found["RootFS"]["Layers"][:-1] == parent["RootFS"]["Layers"]
    assert found["Config"]["Cmd"] == ["/bin/sh", "-c", "cat /new"]
    assert found["Config"]["Labels"] == {"cl": "1"}
    assert [variable.partition("=")[0] for variable in found["Config"]["Env"]] == ["Q", "PATH"]
    row = live.client("GET", "/images/mine:1/history").json[0]
    assert (row["CreatedBy"][:5], row["Comment"]) == ("sh -c", "why")
    live.run("sh", "-c", "cat /new /etc/group; ls /etc/passwd; ls /d", name="again", image="mine:1")
    live.client("POST", "/containers/again/wait")
    output = b"".join(data for _, data in frames(live.client("GET", "/containers/again/logs?stdout=1&stderr=1").body))
    assert output.startswith(b"hi\n")
    assert b"\nx\n" in output
    assert b"ls: /etc/passwd: No such file" in output
    assert b"\ne\n" in output


def test_what_is_told_of_it(live: Live) -> None:
    found = commit(live, "repo=mine&comment=c")
    events = [(e.type, e.action) for e in live.events.past()][-5:]
    assert events == [
        ("container", "pause"), ("image", "create"), ("image", "tag"), ("container", "commit"), ("container", "unpause")
    ]  # fmt: skip
    told = live.events.past()[-2].attributes
    assert (told["comment"], told["imageID"], told["imageRef"], told["image"]) == ("c", found["Id"], "mine", "alpine")
    commit(live, "pause=0")
    assert "pause" not in [event.action for event in live.events.past()][-2:]


def test_a_configuration_of_ones_own(live: Live) -> None:
    found = commit(live, "", {"Cmd": ["zz"], "Labels": {"l": "m"}, "Env": ["E=5"]})["Config"]
    assert (found["Cmd"], found["Labels"]) == (["zz"], {"cl": "1", "l": "m"})
    assert found["Env"][0] == "E=5"
    assert "Q=1" in found["Env"]


def test_a_container_that_has_changed_nothing_adds_no_layer(live: Live) -> None:
    live.create("true", name="idle")
    reply = live.client("POST", "/commit?container=idle")
    layers = live.client("GET", f"/images/{reply.json['Id']}/json").json["RootFS"]["Layers"]
    assert layers == live.client("GET", "/images/alpine/json").json["RootFS"]["Layers"]
    assert live.client("GET", f"/images/{reply.json['Id']}/history").json[0]["Size"] == 0


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("", 400, 'invalid name or ID supplied: ""'),
        ("container=nosuch", 404, "No such container: nosuch"),
        ("container=box&repo=Foo", 500, "invalid reference format: repository name must be lowercase"),
        ("container=box&repo=foo&tag=b%20c", 500, "invalid tag format"),
        ("container=box&changes=RUN%20x", 400, "run is not a valid change command"),
        ("container=box&changes=EXPOSE%20abc", 400, "Invalid containerPort: abc"),
    ],
)
def test_nonsense_makes_nothing(live: Live, query: str, status: int, message: str) -> None:
    before = live.client("GET", "/images/json?all=1").json
    reply = live.client("POST", f"/commit?{query}")
    assert (reply.status, reply.message) == (status, message)
    assert live.client("GET", "/images/json?all=1").json == before


def test_a_change_that_is_wrong_is_found_when_all_stands_still(live: Live) -> None:
    before = len(live.events.past())
    reply = live.client("POST", "/commit?container=box&changes=RUN+x")
    assert reply.status == 400
    assert [event.action for event in live.events.past()][before:] == ["pause", "unpause"]


def test_where_a_volume_was_mounted_is_a_directory_of_the_image(live: Live) -> None:
    live.run("sleep", "1000", name="with", HostConfig={"Binds": ["vol:/d"]}, StopTimeout=3)
    assert live.client("POST", "/commit?container=with&repo=with").status == 201
    found = live.client("GET", "/images/with/json").json
    base = live.client("GET", "/images/alpine/json").json
    assert len(found["RootFS"]["Layers"]) == len(base["RootFS"]["Layers"]) + 1
    assert found["Config"]["StopTimeout"] == 3
