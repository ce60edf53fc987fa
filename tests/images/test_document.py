import hashlib
import json
from typing import Any

import pytest

from swarmlab.images import HistoryEntry, ImageConfig, compose
from swarmlab.images.document import NEVER, read
from swarmlab.objects.container import HealthConfig

CONFIG = ImageConfig(
    entrypoint=("/run",), cmd=("a",), env=("A=1",), working_dir="/w", user="u", exposed_ports=("80/tcp",),
    labels={"l": "1"}, stop_signal="SIGQUIT", healthcheck=HealthConfig(test=("CMD", "true"), interval=5),
    volumes=("/v",), on_build=("RUN x",), shell=("/bin/bash", "-c"), hostname="h", tty=True, image="base",
)  # fmt: skip


def test_what_is_written_is_read_again() -> None:
    history = (HistoryEntry(created=1_500_000_000, created_by="COPY", comment="c"), HistoryEntry(empty_layer=True))
    document = compose(
        CONFIG, created=1_700_000_000_123_456_000, layers=["sha256:1"], history=history, author="me", comment="hello",
        container="c" * 64, container_config=ImageConfig(cmd=("b",)), docker_version="1",
    )  # fmt: skip
    image = read(document)
    assert image.id == "sha256:" + hashlib.sha256(document).hexdigest()
    assert (image.config, image.container_config.cmd) == (CONFIG, ("b",))
    assert (image.created, image.layers, image.author, image.comment) == (
        1_700_000_000_123_456_000, ("sha256:1",), "me", "hello"
    )  # fmt: skip
    assert [(row.created_by, row.comment, row.empty_layer) for row in image.history] == [
        ("COPY", "c", False), ("", "", True)
    ]  # fmt: skip
    assert json.loads(document)["created"] == "2023-11-14T22:13:20.123456Z"


def test_little_is_needed() -> None:
    image = read(b'{"rootfs": {"type": "layers"}}')
    assert (image.created, image.layers, image.os, image.config) == (NEVER, (), "linux", ImageConfig())
    assert read(b'{"rootfs": {}, "created": "2017-07-14T04:40:00.5+02:00"}').created == 1_500_000_000_500_000_000


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{}", "invalid image JSON, no RootFS key"),
        ("nope", "invalid character 'o' in literal null (expecting 'u')"),
        ("[]", "json: cannot unmarshal the image's configuration"),
        ('{"rootfs": 1}', "json: cannot unmarshal the image's configuration"),
        ('{"rootfs": {"diff_ids": "x"}}', "json: cannot unmarshal the image's configuration"),
        ('{"rootfs": {}, "config": {"Cmd": [1]}}', "json: cannot unmarshal the image's configuration"),
        ('{"rootfs": {}, "created": "soon"}', 'parsing time "soon"'),
    ],
)
def test_what_is_none_is_refused(document: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        read(document.encode())
    assert str(error.value).startswith(message)


def test_defaults_are_written_as_docker_does() -> None:
    fields: dict[str, Any] = json.loads(compose(ImageConfig(), created=0, layers=[], history=[]))
    assert fields["config"]["Cmd"] is None
    assert "ExposedPorts" not in fields["config"]
    assert fields["rootfs"] == {"type": "layers", "diff_ids": []}
