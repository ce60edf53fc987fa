import io
import json
from typing import Any

import pytest
from support.tars import tar

from swarmlab.images import HistoryEntry, ImageConfig

from .conftest import Client
from .live import Live

HEX = "d6da0e52e9f9b46a01ba769246b220fd6b77228060f3ebfb2fc792e9184a5164"
ZEROS = "0" * 64


def tags(client: Client, reference: str) -> list[str]:
    found: list[str] = client("GET", f"/images/{reference}/json").json["RepoTags"]
    return found


def make(client: Client, content: bytes = b"1", name: str = "", parent: str = "", **labels: str) -> str:
    """An image of one more file, and its id."""
    images = client.engine.images
    with images.layer(io.BytesIO(tar(new=content))) as layer:
        image = images.create(
            ImageConfig(cmd=("sh",), labels=labels), HistoryEntry(), parent=images.find(parent), layer=layer
        )
    if name:
        images.tag(image.id, *name.split(":"))
    return image.id


def rm(client: Client, reference: str, query: str = "") -> Any:
    """What was done, shortened, or the status and the message."""
    reply = client("DELETE", f"/images/{reference}?{query}")
    if reply.status != 200:
        return reply.status, reply.message
    return [(what, name) for line in reply.json for what, name in line.items()]


def test_an_image_gets_another_name(live: Live) -> None:
    client = live.client
    for query in ("repo=foo&tag=bar", "repo=foo:x&tag=baz", "repo=example.org:5000/a/b", "repo=docker.io/library/c"):
        assert client("POST", f"/images/alpine/tag?{query}").status == 201
    assert tags(client, "foo:bar") == ["alpine:latest", "c:latest", "example.org:5000/a/b:latest", "foo:bar", "foo:baz"]
    names = [event.attributes["name"] for event in live.events.past() if event.action == "tag"]
    assert names == ["foo:bar", "foo:baz", "example.org:5000/a/b", "c"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("alpine/tag?repo=Foo", 500, "invalid reference format: repository name must be lowercase"),
        ("alpine/tag?repo=", 500, "invalid reference format"),
        ("alpine/tag?repo=foo&tag=b%20d", 500, "invalid tag format"),
        (f"alpine/tag?repo=foo@sha256:{ZEROS}", 400, "refusing to create a tag with a digest reference"),
        ("alpine/tag?repo=sha256&tag=1", 400, "refusing to create an ambiguous tag using digest algorithm as name"),
        (f"alpine/tag?repo={HEX}", 500, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("nosuch/tag?repo=foo", 404, "No such image: nosuch:latest"),
        ("sha256:aaaa/tag?repo=foo", 404, "No such image: sha256:aaaa"),
        (f"{ZEROS}/tag?repo=foo", 404, f"No such image: sha256:{ZEROS}"),
        (f"nginx:1@sha256:{ZEROS}/tag?repo=foo", 404, f"No such image: nginx@sha256:{ZEROS}"),
        ("NoSuch/tag?repo=foo", 400, "invalid reference format: repository name must be lowercase"),
    ],
)
def test_names_that_are_none(client: Client, path: str, status: int, message: str) -> None:
    reply = client("POST", f"/images/{path}")
    assert (reply.status, reply.message) == (status, message)
    assert tags(client, "alpine") == ["alpine:latest"]


def test_the_last_name_takes_the_image_along(client: Client) -> None:
    image = make(client, name="mine:1")
    client("POST", "/images/mine:1/tag?repo=mine&tag=2")
    assert rm(client, "mine:1") == [("Untagged", "mine:1")]
    (layer,) = client("GET", f"/images/{image}/json").json["RootFS"]["Layers"]
    assert rm(client, "mine:2") == [("Untagged", "mine:2"), ("Deleted", image), ("Deleted", layer)]
    assert rm(client, "mine:2") == (404, "No such image: mine:2")
    assert [event.action for event in client.engine.events.past][-2:] == ["untag", "delete"]


def test_an_id_stands_for_all_names_of_one_repository_only(client: Client) -> None:
    image = make(client, name="mine:1")
    client("POST", "/images/mine:1/tag?repo=other")
    short = image[7:19]
    refusal = f"conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    assert rm(client, short) == (409, refusal)
    assert rm(client, short, "force=1")[:3] == [
        ("Untagged", "mine:1"), ("Untagged", "other:latest"), ("Deleted", image)
    ]  # fmt: skip
    image = make(client, name="mine:1")
    assert rm(client, image)[:2] == [("Untagged", "mine:1"), ("Deleted", image)]


def test_digests_go_with_the_last_tag_of_their_repository(client: Client) -> None:
    client("POST", "/images/create?fromImage=alpine&tag=latest")
    (digest,) = client("GET", "/images/alpine/json").json["RepoDigests"]
    client("POST", "/images/alpine/tag?repo=other")
    assert rm(client, "alpine") == [("Untagged", "alpine:latest"), ("Untagged", digest)]
    client("POST", "/images/create?fromImage=alpine&tag=latest")
    image = client("GET", "/images/alpine/json").json["Id"]
    assert rm(client, "other") == [("Untagged", "other:latest")]
    assert rm(client, image)[:3] == [("Untagged", "alpine:latest"), ("Untagged", digest), ("Deleted", image)]


def test_what_a_container_uses_stays(live: Live) -> None:
    client = live.client
    image = make(client, name="mine:1", parent="alpine")
    short = image[7:19]
    box = live.run("sleep", "1000", image="mine:1")
    refusal = f"(must force) - container {box[:12]} is using its referenced image {short}"
    assert rm(client, "mine:1") == (409, f'conflict: unable to remove repository reference "mine:1" {refusal}')
    used = (
        f"conflict: unable to delete {short} (cannot be forced) - image is being used by running container {box[:12]}"
    )
    assert rm(client, short, "force=1") == (409, used)
    assert rm(client, "mine:1", "force=1") == [("Untagged", "mine:1")]
    assert rm(client, image) == (409, used)
    client("POST", "/containers/box/kill")
    client("POST", "/containers/box/wait")
    stopped = (
        f"conflict: unable to delete {short} (must be forced) - image is being used by stopped container {box[:12]}"
    )
    assert rm(client, image) == (409, stopped)
    assert rm(client, image, "force=1") == [("Deleted", image)]
    assert client("GET", "/containers/json?all=1").json[0]["Image"] == image
    assert client("POST", "/containers/box/start").status == 204
    assert live.inspect()["State"]["Running"]


def test_parents_go_with_their_last_child(client: Client) -> None:
    parent = client("GET", "/images/alpine/json").json["Id"]
    child = make(client, name="kid:1", parent="alpine")
    assert rm(client, "alpine") == [("Untagged", "alpine:latest")]
    hard = f"conflict: unable to delete {parent[7:19]} (cannot be forced) - image has dependent child images"
    assert rm(client, parent, "force=1") == (409, hard)
    listed = [row["Id"] for row in client("GET", "/images/json").json]
    assert (child in listed, parent in listed) == (True, False)
    assert parent in [row["Id"] for row in client("GET", "/images/json?all=1").json]
    removed = rm(client, "kid:1")
    assert [what for what, _ in removed] == ["Untagged", "Deleted", "Deleted", "Deleted", "Deleted"]
    assert ("Deleted", parent) in removed
    make(client, name="kid:1", parent="busybox")
    rm(client, "busybox")
    assert len(rm(client, "kid:1", "noprune=1")) == 3
    assert client.filtered("/images/json", dangling=["true"]).json != []


def prune(client: Client, **filters: list[str]) -> tuple[list[str], int]:
    reply = client("POST", "/images/prune", params={"filters": json.dumps(filters)})
    assert reply.status == 200, reply.body
    lines = reply.json["ImagesDeleted"] or []
    return [name for line in lines for name in line.values()], reply.json["SpaceReclaimed"]


def test_pruning_removes_what_has_no_tag(live: Live) -> None:
    client = live.client
    live.clock.advance(1_700_000_000)
    named, loose, labelled = make(client, b"1", "mine:1"), make(client, b"22"), make(client, b"333", keep="1")
    assert prune(client, until=["1h"]) == ([], 0)
    gone, space = prune(client, **{"label!": ["keep"]})
    assert (gone[0], space) == (loose, 2)
    gone, space = prune(client)
    assert (gone[0], space) == (labelled, 3)
    live.create("true", image="alpine")
    gone, _ = prune(client, dangling=["false"])
    assert named in gone
    assert [tag for row in client("GET", "/images/json").json for tag in row["RepoTags"]] == ["alpine:latest"]
    assert live.events.past()[-1].action == "prune"


def test_images_without_a_name_are_listed_as_such(client: Client) -> None:
    image = make(client)
    (row,) = client.filtered("/v1.42/images/json", dangling=["true"]).json
    assert (row["Id"], row["RepoTags"], row["RepoDigests"]) == (image, ["<none>:<none>"], ["<none>@<none>"])
    (row,) = client.filtered("/images/json", dangling=["true"]).json
    assert (row["RepoTags"], row["RepoDigests"]) == ([], [])
    assert image not in [row["Id"] for row in client.filtered("/images/json", dangling=["false"]).json]
    assert image not in [row["Id"] for row in client.filtered("/images/json", reference=["*"]).json]
    # Go's nil of older versions, where an image has a tag but no digest.
    client("POST", f"/images/{image}/tag?repo=mine")
    for version, none in (("v1.42", None), ("v1.43", [])):
        (row,) = client.filtered(f"/{version}/images/json", reference=["mine"]).json
        assert (row["RepoTags"], row["RepoDigests"]) == (["mine:latest"], none)


def test_sizes_that_images_share(client: Client) -> None:
    busybox = client("GET", "/images/busybox/json").json
    rows = client("GET", "/images/json?shared-size=1").json
    shared = {tag: row["SharedSize"] for row in rows for tag in row["RepoTags"]}
    assert shared["alpine:latest"] == shared["busybox:latest"] == busybox["Size"]
    assert {row["SharedSize"] for row in client("GET", "/v1.41/images/json?shared-size=1").json} == {-1}
    usage = client("GET", "/system/df").json
    used = {tag: row["SharedSize"] for row in usage["Images"] for tag in row["RepoTags"]}
    assert used == shared
    make(client, b"12345")
    assert client("GET", "/system/df").json["LayersSize"] == usage["LayersSize"] + 5


@pytest.mark.parametrize("pattern", ["[", "a\\", "[b-a]"])
def test_a_pattern_that_is_none(client: Client, pattern: str) -> None:
    reply = client.filtered("/images/json", reference=[pattern])
    assert (reply.status, reply.message) == (500, "syntax error in pattern")


def test_histories_name_the_parents_that_are_here(client: Client) -> None:
    child = make(client, name="kid:1", parent="alpine")
    rows = client("GET", "/images/kid:1/history").json
    assert [row["Id"] for row in rows[:3]] == [child, client("GET", "/images/alpine/json").json["Id"], "<missing>"]
    assert (rows[0]["Size"], rows[0]["Tags"]) == (1, ["kid:1"])
    missing = client("GET", "/images/nosuch/history")
    assert (missing.status, missing.message) == (404, "No such image: nosuch:latest")


def test_containers_of_children_have_the_parent_as_ancestor(live: Live) -> None:
    make(live.client, name="kid:1", parent="alpine")
    live.create("true", image="kid:1")
    for ancestor, found in (("alpine", 1), ("kid:1", 1), ("busybox", 0), ("nosuch", 0)):
        rows = live.client.filtered("/containers/json?all=1", ancestor=[ancestor]).json
        assert len(rows) == found, ancestor
