"""Platforms in requests (containerd: platforms), in the words of engine 20.10."""

import pytest

from swarmlab.engine.errors import EngineError
from swarmlab.engine.image.platforms import check, made_for, parse
from swarmlab.images import Image, ImageConfig, compose, read_document


def image_of(architecture: str) -> Image:
    document = compose(ImageConfig(), created=1, layers=(), history=()).replace(b"amd64", architecture.encode())
    return read_document(document)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux/arm64", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64/v8"),
        ("linux/armhf", "linux/arm"),
        ("linux/arm/v8", "linux/arm/v8"),
        ("LINUX/AMD64", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("foo/bar", "foo/bar"),
    ],
)
def test_names(text: str, shown: str) -> None:
    assert str(parse(text)) == shown


def test_a_system_alone_is_with_this_machine_s_processor() -> None:
    found = parse("windows")
    assert found is not None
    assert (found.os, bool(found.architecture)) == ("windows", True)
    assert parse("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo", '"foo": unknown operating system or architecture: invalid argument'),
        ("linux/a/b/c", '"linux/a/b/c": cannot parse platform specifier: invalid argument'),
        (
            "a/",
            '"" is an invalid component of "a/": platform specifier component must match "^[A-Za-z0-9_-]+$": '
            "invalid argument",
        ),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse(text)
    assert (caught.value.status, str(caught.value)) == (400, said)


@pytest.mark.parametrize(
    ("has", "wanted", "fits"),
    [("amd64", "linux/amd64/v3", True), ("386", "linux/amd64", True), ("arm", "linux/arm64", True),
     ("arm64", "linux/arm", False), ("amd64", "windows/amd64", False)],
)  # fmt: skip
def test_which_images_fit(has: str, wanted: str, fits: bool) -> None:
    if fits:
        check(image_of(has), "box", parse(wanted))
        return
    with pytest.raises(EngineError) as caught:
        check(image_of(has), "box", parse(wanted))
    assert (caught.value.status, str(caught.value)) == (
        404,
        f"image with reference box was found but does not match the specified platform: wanted {wanted}, "
        f"actual: linux/{has}",
    )


def test_a_registry_has_an_image_for_each_platform() -> None:
    image = image_of("amd64")
    assert made_for(image, None) == made_for(image, parse("linux/amd64")) == image.document
    other = read_document(made_for(image, parse("linux/arm64")))
    assert (other.architecture, other.os, other.id != image.id) == ("arm64", "linux", True)
    for wanted in ("linux/foo", "windows/amd64"):
        with pytest.raises(EngineError, match=f"no matching manifest for {wanted} in the manifest list entries"):
            made_for(image, parse(wanted))
