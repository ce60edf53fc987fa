"""Tar archives, and archives of images, in one line."""

import hashlib
import io
import json
import tarfile
from typing import Any


def tar(*members: tuple[str, bytes | None] | tarfile.TarInfo, **files: bytes) -> bytes:
    """An archive of (name, content) pairs, a directory for None, and of members without content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as made:
        for member in (*members, *files.items()):
            if isinstance(member, tarfile.TarInfo):
                made.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if content is None or content.startswith((b"#!", b"\x7fELF")) else 0o644
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            made.addfile(info, io.BytesIO(content or b""))
    return data.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A member that is no file: a link, a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def image(layer: bytes, *names: str, **changes: Any) -> bytes:
    """What `docker save` of Docker 20.10 writes for an image of one layer; `changes` are to its configuration."""
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["sh"]},
        "created": "2017-07-14T02:40:00.5Z",
        "history": [{"created": "2017-07-14T02:40:00.5Z", "created_by": "made"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
        **changes,
    }
    manifest = [{"Config": "c.json", "RepoTags": list(names) or None, "Layers": ["l/layer.tar"]}]
    return tar(
        ("c.json", json.dumps(config).encode()),
        ("l", None),
        ("l/layer.tar", layer),
        ("manifest.json", json.dumps(manifest).encode()),
    )
