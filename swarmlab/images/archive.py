"""Archives of images: what `docker save` writes and `docker load` reads (MB: image/tarexport).

Written are both of Docker's layouts in one: `manifest.json` and `repositories`, and an OCI image layout. Read is what
`manifest.json` names, wherever it lies.
"""

import hashlib
import posixpath
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from swarmlab.images.base import Content, Image
from swarmlab.images.document import read
from swarmlab.images.layer import Bytes, Layer, LayerError, reason_of
from swarmlab.images.layers import LayerStore, copied, inflated
from swarmlab.images.reference import check_reference, parse_reference
from swarmlab.images.tar import TarHeader
from swarmlab.objects.gojson import loads

_CHUNK = 1 << 20
_BLOCK = 512
_OCI = "application/vnd.oci.image."
#: So much is read of a file that describes others.
_MAX_JSON = 16 << 20
_MAX_LINKS = 16


class Saved(NamedTuple):
    """An image for an archive, under these of its names (`name:tag`)."""

    image: Image
    layers: Sequence[Layer]
    names: Sequence[str]


class Loaded(NamedTuple):
    """An image of an archive, its layers in the store already. `names` are as `Reference` writes them."""

    image: Image
    names: Sequence[str]


def manifest(image: Image, layers: Sequence[Layer]) -> bytes:
    """What a registry, or an OCI layout, has of an image; its digest is the image's repository digest."""
    return msgspec.json.encode(
        {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}manifest.v1+json",
            "config": {"mediaType": f"{_OCI}config.v1+json", "digest": image.id, "size": len(image.document)},
            "layers": [_source(layer) for layer in layers],
        }
    )


def repository_digest(image: Image, layers: Sequence[Layer]) -> str:
    """`sha256:` and the digest of the image's manifest."""
    return "sha256:" + hashlib.sha256(manifest(image, layers)).hexdigest()


def save(images: Sequence[Saved]) -> Iterator[bytes]:
    """An archive of images, piece by piece."""
    written: set[str] = set()
    index, listed, repositories = [], [], dict[str, dict[str, str]]()
    for image, layers, names in images:
        described = manifest(image, layers)
        digest = repository_digest(image, layers)
        for content, at, size in (
            *((layer.archive, layer.id, layer.archive_size) for layer in layers),
            (Bytes(image.document), image.id, len(image.document)),
            (Bytes(described), digest, len(described)),
        ):
            if at not in written:
                written.add(at)
                yield from _member(_blob(at), content, size, max(image.created // 1_000_000_000, 0))
        described_by = {"mediaType": f"{_OCI}manifest.v1+json", "digest": digest, "size": len(described)}
        index += [{**described_by, "annotations": _annotations(name)} for name in names] or [described_by]
        sources = {layer.id: _source(layer) for layer in layers}
        listed.append(
            {
                "Config": _blob(image.id),
                "RepoTags": list(names) or None,
                "Layers": [_blob(layer.id) for layer in layers],
                **({"LayerSources": sources} if sources else {}),
            }
        )
        for name in names:
            repository, _, tag = name.rpartition(":")
            top = layers[-1].id if layers else image.id
            repositories.setdefault(repository, {})[tag] = top.removeprefix("sha256:")
    documents: list[tuple[str, Any]] = [
        ("index.json", {"schemaVersion": 2, "mediaType": f"{_OCI}index.v1+json", "manifests": index}),
        ("manifest.json", listed or None),
        ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
    ]
    if repositories:
        documents.append(("repositories", repositories))
    for name, value in documents:
        text = msgspec.json.encode(value)
        yield from _member(name, Bytes(text), len(text), 0)
    yield b"\0" * (2 * _BLOCK)


def load(
    source: IO[bytes],
    store: LayerStore,
    known: Callable[[str], Layer | None],
    arrived: Callable[[Layer], None],
) -> list[Loaded]:
    """The images of an archive; `arrived` is told of each layer that was not `known`. Raises ValueError.

    The messages are Docker's. Layers that came before the mistake stay in the store, for it to sweep.
    """
    try:
        with _seekable(source, store) as plain, tarfile.open(fileobj=plain, mode="r:") as tar:
            files = _Files(tar)
            return [_load(files, entry, store, known, arrived) for entry in files.manifest()]
    except tarfile.TarError as error:
        # Python takes no input at all for an error, Docker for an empty archive.
        if "empty" in str(error):
            raise ValueError(missing("repositories")) from None
        raise LayerError(reason_of(error)) from None


def missing(name: str) -> str:
    """Docker unpacks an archive first, and says so."""
    number = secrets.randbelow(9_000_000_000) + 1_000_000_000
    return f"open /var/lib/docker/tmp/docker-import-{number}/{name}: no such file or directory"


class _Files:
    """The files of an archive by name, links followed."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members = {posixpath.normpath(member.name.lstrip("/")): member for member in tar}

    def manifest(self) -> list[Mapping[str, Any]]:
        """The entries of `manifest.json`. Raises ValueError."""
        if "manifest.json" not in self._members:
            folders = sorted(name for name, member in self._members.items() if member.isdir() and "/" not in name)
            folders = [name for name in folders if name != "."]
            raise ValueError(missing(f"{folders[0]}/json" if folders else "repositories"))
        found = loads(self.text("manifest.json").decode("utf-8", "replace"))
        entries = [] if found is None else found
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError("json: cannot unmarshal object into Go value of type []tarexport.manifestItem")
        return entries

    def text(self, name: str) -> bytes:
        """A file that describes others. Raises ValueError."""
        with self.open(name) as file:
            return file.read(_MAX_JSON)

    def open(self, name: str) -> IO[bytes]:
        """A file. Raises ValueError when there is none, or it is not in the archive."""
        path = posixpath.normpath(name)
        if path.startswith(("../", "/")):
            raise ValueError(missing(name))
        for _ in range(_MAX_LINKS):
            member = self._members.get(path)
            if member is None:
                break
            if member.issym():
                path = posixpath.normpath(posixpath.join(posixpath.dirname(path), member.linkname))
            elif member.islnk():
                path = posixpath.normpath(member.linkname)
            else:
                file = self._tar.extractfile(member)
                if file is None or member.issparse():
                    break
                return file
        raise ValueError(missing(name))


def _load(
    files: _Files,
    entry: Mapping[str, Any],
    store: LayerStore,
    known: Callable[[str], Layer | None],
    arrived: Callable[[Layer], None],
) -> Loaded:
    try:
        config, paths = str(entry.get("Config") or ""), [str(path) for path in entry.get("Layers") or ()]
        tags = [str(tag) for tag in entry.get("RepoTags") or ()]
    except TypeError:
        raise ValueError("json: cannot unmarshal into Go value of type tarexport.manifestItem") from None
    image = read(files.text(config))
    if image.os != "linux":
        raise ValueError(f"cannot load {image.os} image on linux")
    if len(paths) != len(image.layers):
        raise ValueError(f"invalid manifest, layers length mismatch: expected {len(paths)}, got {len(image.layers)}")
    for number, (path, expected) in enumerate(zip(paths, image.layers, strict=True)):
        if known(expected) is not None:
            continue
        with files.open(path) as file:
            layer = store.add(file)
        if layer.id != expected:
            raise ValueError(f'invalid diffID for layer {number}: expected "{expected}", got "{layer.id}"')
        arrived(layer)
    return Loaded(image, [_name(tag) for tag in tags])


def _name(tag: str) -> str:
    reference = check_reference(tag)
    if reference.digest or ":" not in tag.rpartition("/")[2]:
        raise ValueError(f'invalid tag "{tag}"')
    return reference.key


@contextmanager
def _seekable(source: IO[bytes], store: LayerStore) -> Iterator[IO[bytes]]:
    """The archive without its compression, where any part of it can be read."""
    plain = inflated(source)
    if plain is source:
        yield source
        return
    with store.spool() as target:
        copied(plain, target)
        target.seek(0)
        yield target


def _member(name: str, content: Content, size: int, modified: int) -> Iterator[bytes]:
    info = TarHeader(name)
    info.size, info.mode, info.mtime = size, 0o644, modified
    info.uname = info.gname = "root"
    yield info.tobuf(tarfile.GNU_FORMAT)
    if isinstance(content, Path):
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    else:
        yield content.read_bytes()
    yield b"\0" * (-size % _BLOCK)


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _source(layer: Layer) -> dict[str, Any]:
    return {"mediaType": f"{_OCI}layer.v1.tar", "digest": layer.id, "size": layer.archive_size}


def _annotations(name: str) -> dict[str, str]:
    repository, _, tag = name.rpartition(":")
    return {
        "io.containerd.image.name": f"{parse_reference(repository).qualified}:{tag}",
        "org.opencontainers.image.ref.name": tag,
    }
