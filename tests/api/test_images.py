import pytest

from .conftest import Client


def tags(client: Client, **filters: list[str]) -> list[str]:
    return sorted(tag for image in client.filtered("/images/json", **filters).json for tag in image["RepoTags"])


def test_a_row_of_image_ls(client: Client) -> None:
    rows = client("GET", "/images/json").json
    assert len(rows) == len(client.engine.images.images())
    row = next(row for row in rows if "nginx:alpine" in row["RepoTags"])
    image = client.engine.images.find("nginx:alpine")
    assert image is not None
    assert (row["Id"], row["Size"], row["Created"]) == (image.id, image.size, image.created // 1_000_000_000)
    assert "VirtualSize" not in row
    assert all("VirtualSize" in row for row in client("GET", "/v1.41/images/json").json)


def test_lists_are_filtered(client: Client) -> None:
    every = tags(client)
    assert tags(client, reference=["nginx:alpine"]) == ["nginx:alpine"]
    assert tags(client, reference=["nginx"]) == [tag for tag in every if tag.startswith("nginx:")]
    assert tags(client, reference=["*/whoami"]) == [tag for tag in every if tag.endswith("/whoami:latest")]
    assert tags(client, dangling=["true"]) == []
    assert tags(client, dangling=["false"]) == every
    newest = client.engine.images.images()[0]
    assert set(tags(client, before=[newest.id])) == set(every) - set(newest.tags)
    assert client.filtered("/images/json", bogus=["1"]).message == "Invalid filter 'bogus'"


def test_inspect_and_history(client: Client) -> None:
    image = client("GET", "/images/nginx:alpine/json").json
    assert image["RepoTags"] == ["nginx:alpine"]
    assert "80/tcp" in image["Config"]["ExposedPorts"]
    assert image["RootFS"]["Type"] == "layers"
    history = client("GET", "/images/nginx:alpine/history").json
    assert [row["Id"] for row in history] == [image["Id"], *["<missing>"] * (len(history) - 1)]
    assert client("GET", "/images/training/whoami:latest/json").json["RepoTags"] == ["training/whoami:latest"]
    missing = client("GET", "/images/nosuch/json")
    assert (missing.status, missing.message) == (404, "no such image: nosuch: No such image: nosuch:latest")


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        (
            "nginx:alpine",
            500,
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
        ),
        ("nginx:bad%20tag", 400, "invalid reference format"),
        ("UPPER", 400, "invalid reference format: repository name must be lowercase"),
        ("BAD%20IMAGE", 400, "invalid reference format: repository name must be lowercase"),
        ("Host.example/a/b:1", 500, 'Get "https://Host.example/v2/": dial tcp: lookup Host.example: no such host'),
    ],
)
def test_no_registry_knows_a_digest(client: Client, name: str, status: int, message: str) -> None:
    reply = client("GET", f"/distribution/{name}/json")
    assert (reply.status, reply.message) == (status, message)
