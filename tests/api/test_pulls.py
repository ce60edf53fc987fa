import json

import pytest

from .conftest import Client
from .live import Live


@pytest.mark.parametrize(
    ("query", "repository", "name"),
    [
        ("fromImage=nginx&tag=alpine", "library/nginx", "nginx:alpine"),
        ("fromImage=nginx:alpine", "library/nginx", "nginx:alpine"),
        ("fromImage=training/whoami", "training/whoami", "training/whoami:latest"),
    ],
)
def test_what_the_catalogue_has_is_up_to_date(client: Client, query: str, repository: str, name: str) -> None:
    reply = client("POST", f"/images/create?{query}")
    assert reply.status == 200
    digest = client("GET", f"/images/{name}/json").json["RepoDigests"][0].partition("@")[2]
    assert [json.loads(line) for line in reply.body.splitlines()] == [
        {"status": f"Pulling from {repository}", "id": name.rpartition(":")[2]},
        {"status": f"Digest: {digest}"},
        {"status": f"Status: Image is up to date for {name}"},
    ]


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ("fromImage=nosuch&tag=1", 404, "pull access denied for nosuch, repository does not exist"),
        ("fromImage=nginx&tag=nosuch", 404, "manifest for nginx:nosuch not found: manifest unknown"),
        (f"fromImage=nginx&tag=sha256:{'0' * 64}", 404, "manifest for nginx@sha256:000"),
        ("fromImage=UPPER", 400, "invalid reference format: repository name must be lowercase"),
    ],
)
def test_what_it_has_not_nobody_has(client: Client, query: str, status: int, message: str) -> None:
    reply = client("POST", f"/images/create?{query}")
    assert (reply.status, reply.message[: len(message)]) == (status, message)


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/images/prune", {"ImagesDeleted": None, "SpaceReclaimed": 0}),
        ("/volumes/prune", {"VolumesDeleted": [], "SpaceReclaimed": 0}),
        ("/build/prune", {"CachesDeleted": None, "SpaceReclaimed": 0}),
    ],
)
def test_there_is_nothing_else_to_prune(client: Client, path: str, answer: object) -> None:
    assert client("POST", path).json == answer


def test_what_was_removed_is_downloaded_again(client: Client) -> None:
    before = client("GET", "/images/nginx:alpine/json").json
    assert client("DELETE", "/images/nginx:alpine").status == 200
    lines = [json.loads(line) for line in client("POST", "/images/create?fromImage=nginx&tag=alpine").body.splitlines()]
    after = client("GET", "/images/nginx:alpine/json").json
    assert (after["Id"], after["RepoTags"]) == (before["Id"], ["nginx:alpine"])
    base, top = (layer[7:19] for layer in before["RootFS"]["Layers"])
    assert [(line["status"], line.get("id")) for line in lines[:3]] == [
        ("Pulling from library/nginx", "alpine"), ("Already exists", base), ("Pulling fs layer", top)
    ]  # fmt: skip
    done = ["Downloading", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"]
    assert [line["status"] for line in lines[3:8]] == done
    digest = after["RepoDigests"][0].partition("@")[2]
    assert [line["status"] for line in lines[8:]] == [
        f"Digest: {digest}", "Status: Downloaded newer image for nginx:alpine"
    ]  # fmt: skip
    event = client.engine.events.past[-1]
    assert (event.action, event.actor_id, event.attributes["name"]) == ("pull", "nginx:alpine", "nginx")
    by_digest = client("POST", f"/images/create?fromImage=nginx&tag={digest}")
    assert b"Image is up to date for nginx@" in by_digest.body
    assert client.engine.events.past[-1].actor_id == f"nginx@{digest}"
    assert json.loads(by_digest.body.splitlines()[0])["id"] == f"docker.io/library/nginx@{digest}"
    assert client("GET", f"/images/nginx@{digest}/json").json["Id"] == before["Id"]


def test_an_image_for_another_processor_is_one_of_its_own(live: Live) -> None:
    """MB: daemon/images/image.go; the docker command pulls what is missing for the platform and asks again."""
    client = live.client
    client("POST", "/images/create?fromImage=alpine&tag=latest")
    before = client("GET", "/images/alpine/json").json
    made = client("POST", "/containers/create?platform=linux%2Farm64", {"Image": "alpine", "Cmd": ["true"]})
    assert (made.status, made.message) == (
        404,
        "image with reference alpine was found but does not match the specified platform: wanted linux/arm64, "
        "actual: linux/amd64",
    )
    reply = client("POST", "/images/create?fromImage=alpine&tag=latest&platform=linux%2Farm64")
    assert json.loads(reply.body.splitlines()[-1]) == {"status": "Status: Downloaded newer image for alpine:latest"}
    after = client("GET", "/images/alpine/json").json
    assert (after["Architecture"], after["Id"] != before["Id"]) == ("arm64", True)
    assert (after["RepoDigests"], after["RootFS"]) == (before["RepoDigests"], before["RootFS"])
    assert client("POST", "/containers/create?platform=linux%2Farm64", {"Image": "alpine"}).status == 201
    # An older client means nothing by it.
    assert client("POST", "/v1.40/containers/create?platform=foo", {"Image": "alpine"}).status == 201
    for path in ("/containers/create?platform=foo", "/images/create?fromImage=alpine&platform=foo"):
        refused = client("POST", path, {"Image": "alpine"})
        assert (refused.status, refused.message) == (
            400,
            '"foo": unknown operating system or architecture: invalid argument',
        )
    missing = client("POST", "/images/create?fromImage=alpine&tag=latest&platform=linux%2Ffoo")
    assert (missing.status, missing.message) == (404, "no matching manifest for linux/foo in the manifest list entries")
