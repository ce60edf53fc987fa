"""The options of a tmpfs as a real kernel showed them."""

import pytest

from swarmlab.engine.container.tmpfs import of_mount, of_run
from swarmlab.objects.container import TmpfsOptions


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (None, ()),
        (TmpfsOptions(), ()),
        (TmpfsOptions(size_bytes=1_000_000, mode=0o700), ("size=980k", "mode=700")),
        (TmpfsOptions(mode=0o1777), ()),
    ],
)
def test_of_a_mount(asked: TmpfsOptions | None, shown: tuple[str, ...]) -> None:
    assert of_mount(asked) == shown


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", ()),
        ("size=1m,mode=700", ("size=1024k", "mode=700")),
        ("ro,uid=5", ("uid=5",)),
        ("size=50%", ("size=50%",)),
        ("mode=1777", ()),
    ],
)
def test_of_docker_run(asked: str, shown: tuple[str, ...]) -> None:
    assert of_run(asked) == shown
