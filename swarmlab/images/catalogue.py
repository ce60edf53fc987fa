"""The catalogue: image folders read into `Image` objects, and found again by name or id."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from swarmlab.images.base import HistoryEntry, Image, ImageConfig
from swarmlab.images.reference import parse_reference

#: The folders that come with swarmlab.
BUNDLED = Path(__file__).parent / "data"

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")


class _Tag(msgspec.Struct, forbid_unknown_fields=True):
    """One `[[tag]]` of a manifest: the names of one image and what sets it apart from its siblings."""

    names: list[str]
    created: datetime
    size: int
    config: dict[str, Any] = {}
    absent: list[str] = []


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """An `image.toml`; docs/images.md describes it."""

    repository: str
    tag: list[_Tag]
    base: str = ""
    config: dict[str, Any] = {}
    history: list[str] = []
    links: dict[str, str] = {}


class Catalogue:
    """All images that a lab's engines have. Read once, then immutable."""

    def __init__(self, folders: Iterable[Path] | None = None) -> None:
        """Read the image folders, by default the bundled ones. Raises ValueError when a manifest is wrong."""
        paths = sorted(BUNDLED.iterdir()) if folders is None else list(folders)
        manifests = {path: _read(path) for path in paths if (path / "image.toml").is_file()}
        self._by_name: dict[str, Image] = {}
        self._by_id: dict[str, Image] = {}
        for path, manifest in manifests.items():
            for image in _images(path, manifest):
                self._by_id[image.id] = image
                self._by_name.update(dict.fromkeys(image.tags, image))

    def images(self) -> tuple[Image, ...]:
        """Every image once, newest first as `docker image ls` lists them."""
        return tuple(sorted(self._by_id.values(), key=lambda image: (-image.created, image.tags)))

    def find(self, reference: str) -> Image | None:
        """The image of a name (`nginx` is `docker.io/library/nginx:latest`), an id or an unambiguous prefix of one.

        As in Docker a name wins over an id prefix. None when there is no such image, and for a pinned digest.
        """
        if (image := self._by_id.get(reference)) is not None:
            return image
        try:
            named = self._by_name.get(str(parse_reference(reference)))
        except ValueError:
            named = None
        if named is not None or (match := _ID.fullmatch(reference)) is None:
            return named
        hits = [image for image in self._by_id.values() if image.id.startswith(f"sha256:{match[1]}")]
        return hits[0] if len(hits) == 1 else None


def _read(folder: Path) -> _Manifest:
    try:
        with (folder / "image.toml").open("rb") as file:
            return msgspec.convert(tomllib.load(file), _Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{folder.name}/image.toml: {error}") from error


def _images(folder: Path, manifest: _Manifest) -> list[Image]:
    """The images of one folder, a `[[tag]]` each."""
    chain = [(folder, manifest)]
    while (base := chain[0][1].base) != "":
        below = chain[0][0].parent / base
        chain.insert(0, (below, _read(below)))
    files: dict[str, Path] = {}
    links: dict[str, str] = {}
    for path, part in chain:
        files.update(_rootfs(path))
        links.update(part.links)
    layers = tuple(_layer_id(path, part.links) for path, part in chain)
    return [_image(folder, manifest, tag, files=files, links=links, layers=layers) for tag in manifest.tag]


def _image(
    folder: Path,
    manifest: _Manifest,
    tag: _Tag,
    *,
    files: Mapping[str, Path],
    links: Mapping[str, str],
    layers: tuple[str, ...],
) -> Image:
    merged = {**manifest.config, **tag.config}
    try:
        config = msgspec.convert(merged, ImageConfig)
    except msgspec.ValidationError as error:
        raise ValueError(f"{folder.name}/image.toml: {error}") from error
    created = int(tag.created.timestamp()) * 1_000_000_000
    history = tuple(
        HistoryEntry(created, line, size=0 if index else tag.size, empty_layer=index > 0)
        for index, line in enumerate(manifest.history)
    )
    content = [msgspec.to_builtins(config), created, tag.size, msgspec.to_builtins(history), layers]
    return Image(
        id="sha256:" + hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest(),
        tags=tuple(f"{manifest.repository}:{name}" for name in tag.names),
        config=config,
        created=created,
        size=tag.size,
        layers=layers,
        history=history,
        files=files,
        links=links,
        absent=frozenset(tag.absent),
    )


def _rootfs(folder: Path) -> dict[str, Path]:
    """The files a folder adds, by their path in the container, sorted."""
    root = folder / "rootfs"
    found = {"/" + path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


def _layer_id(folder: Path, links: Mapping[str, str]) -> str:
    """A digest of what the folder adds to the root file system, the same on every machine."""
    digest = hashlib.sha256(msgspec.json.encode(dict(links), order="deterministic"))
    for name, path in _rootfs(folder).items():
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return "sha256:" + digest.hexdigest()
