from pathlib import Path

import pytest

from swarmlab.images import Catalogue

MANIFEST = """
repository = "demo"
history = ["COPY app /app", 'CMD ["/app"]']
[config]
cmd = ["/app"]
env = ["A=1"]
[[tag]]
names = ["latest", "1.0"]
created = 2024-05-03T19:49:21Z
size = 1000
[[tag]]
names = ["0.9"]
created = 2023-05-03T19:49:21Z
size = 900
[tag.config]
env = ["A=0"]
"""


def write(folder: Path, name: str, manifest: str, files: dict[str, str] | None = None) -> Path:
    image = folder / name
    for path, text in {"image.toml": manifest, **(files or {})}.items():
        (image / path).parent.mkdir(parents=True, exist_ok=True)
        (image / path).write_text(text)
    return image


@pytest.mark.parametrize(
    ("name", "env"),
    [("nginx", "1.29.1"), ("nginx:alpine", "1.29.1"), ("nginx:1.25", "1.25.5"), ("nginx:1.27", "1.27.5"),
     ("nginx:1.25-alpine", "1.25.5"),
     ("nginx:1.13-alpine", "1.13.12"), ("docker.io/library/nginx:1.12-alpine", "1.12.2")],
)  # fmt: skip
def test_every_nginx_of_the_labs_is_bundled(name: str, env: str) -> None:
    image = Catalogue().find(name)
    assert image is not None
    assert f"NGINX_VERSION={env}" in image.config.env
    assert image.config.exposed_ports == ["80/tcp"]
    assert image.config.stop_signal == ("SIGTERM" if env.startswith("1.1") else "SIGQUIT")
    assert b"<title>Welcome to nginx!</title>" in image.files["/usr/share/nginx/html/index.html"].read_bytes()
    assert f"nginx {env}".encode() in image.files["/usr/share/nginx/html/index.html"].read_bytes()
    assert image.links["/var/log/nginx/access.log"] == "/dev/stdout"


@pytest.mark.parametrize(
    "name",
    [
        "alpine",
        "busybox",
        "debian",
        "ubuntu",
        "training/whoami",
        "fundamentalsofdocker/whoami",
        "traefik/whoami",
        "httpd",
        "registry:2",
        "dockersamples/visualizer:stable",
        "bretfisher/visualizer",
        "containous/whoami",
        "dockersamples/examplevotingapp_vote:after",
        "bretfisher/examplevotingapp_worker",
        "nginxdemos/hello:plain-text",
    ],
)
def test_the_other_images_are_bundled(name: str) -> None:
    image = Catalogue().find(name)
    assert image is not None
    assert [*image.config.entrypoint, *image.config.cmd]
    assert "/etc/passwd" in image.files


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("alpine", "/etc/alpine-release", "3.22.1\n"),
        ("alpine:3.19", "/etc/alpine-release", "3.19.8\n"),
        # What is made from Alpine is made from the newest one.
        ("redis:alpine", "/etc/alpine-release", "3.22.1\n"),
    ],
)
def test_a_tag_shows_in_the_release(name: str, file: str, text: str) -> None:
    image = Catalogue().find(name)
    assert image is not None
    assert image.files[file].read_bytes().decode() == text


def test_a_tag_shows_in_the_history() -> None:
    image = Catalogue().find("alpine:3.20")
    assert image is not None
    assert image.history[1].created_by == "ADD alpine-minirootfs-3.20.7-x86_64.tar.gz / # buildkit"


@pytest.mark.parametrize("name", ["redis:3.0.6", "redis:3.0.7", "redis:7.4.0", "redis:7.4.1", "nginx:stable"])
def test_dockers_own_tutorials_find_their_images(name: str) -> None:
    assert Catalogue().find(name) is not None


def test_ids_are_distinct_and_stable() -> None:
    first, second = Catalogue().images(), Catalogue().images()
    assert [image.id for image in first] == [image.id for image in second]
    assert len({image.id for image in first}) == len(first) > 20
    assert list(first) == sorted(first, key=lambda image: -image.created)


def test_one_image_may_have_several_tags(tmp_path: Path) -> None:
    catalogue = Catalogue([write(tmp_path, "demo", MANIFEST)])
    latest, old = catalogue.images()
    assert latest.tags == ("demo:latest", "demo:1.0")
    assert catalogue.find("demo") is catalogue.find("demo:1.0") is latest
    assert catalogue.find("demo:0.9") is old
    assert (latest.config.env, old.config.env) == (["A=1"], ["A=0"])
    assert [(row.size, row.empty_layer) for row in latest.history] == [(1000, False), (0, True)]


def test_finds_by_id_and_unambiguous_prefix(tmp_path: Path) -> None:
    catalogue = Catalogue([write(tmp_path, "demo", MANIFEST)])
    image = catalogue.images()[0]
    digest = image.id.removeprefix("sha256:")
    for text in (image.id, digest, digest[:12], f"sha256:{digest[:12]}"):
        assert catalogue.find(text) is image
    assert catalogue.find("sha256:") is None
    assert catalogue.find("f" * 64) is None
    assert Catalogue().find("a" * 13) is None


def test_unknown_and_pinned_names_are_not_found() -> None:
    catalogue = Catalogue()
    for text in ("nginx:9.99", "nosuch", "Not A Name", "example.org/nginx", "nginx@sha256:" + "0" * 64):
        assert catalogue.find(text) is None


def test_a_file_changes_the_id_and_a_base_gives_its_files(tmp_path: Path) -> None:
    write(tmp_path, "below", MANIFEST.replace("demo", "below"), {"rootfs/etc/motd": "base\n", "rootfs/a": "base\n"})
    child = write(tmp_path, "demo", 'base = "below"\n' + MANIFEST, {"rootfs/a": "child\n"})
    before = Catalogue([child]).images()[0]
    assert before.files["/etc/motd"].read_text() == "base\n"
    assert before.files["/a"].read_text() == "child\n"
    assert len(before.layers) == 2
    (child / "rootfs" / "a").write_text("changed\n")
    after = Catalogue([child]).images()[0]
    assert after.id != before.id
    assert after.layers[0] == before.layers[0]


@pytest.mark.parametrize("wrong", ["[[tag", 'repository = "x"\n', MANIFEST + "\nsurprise = 1\n", "x = 1\n" + MANIFEST])
def test_a_wrong_manifest_names_its_file(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match=r"^demo/image.toml: "):
        Catalogue([write(tmp_path, "demo", wrong)])


def test_every_image_says_what_it_is_for() -> None:
    catalogue = Catalogue()
    for image in catalogue.images():
        about = catalogue.about(image)
        assert about.text.endswith("."), image.tags
        # What a variable of ours is said to do has a default in the image, which can be seen with `docker inspect`.
        if image.tags[0].startswith("swarmlab/"):
            assert {item.partition("=")[0] for item in image.config.env} >= about.settings.keys()
