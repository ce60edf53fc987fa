"""The catalogue: image folders read into `Image` objects, and found again by name or id."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from swarmlab.images.base import Content, HistoryEntry, Image, ImageConfig
from swarmlab.images.document import compose, read
from swarmlab.images.layer import Bytes, Entry, Layer, flatten, measured, pack, with_parents
from swarmlab.images.reference import parse_reference
from swarmlab.images.releases import point_release

#: The folders that come with swarmlab.
BUNDLED = Path(__file__).parent / "data"

#: A value of the tag in a file.
_PLACE = re.compile(r"\{\{(\w+)\}\}")

#: A version without what Debian's packages put behind it.
_VERSION = re.compile(r"\d+(?:\.\d+)*")
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")


class _Tag(msgspec.Struct, forbid_unknown_fields=True):
    """One `[[tag]]` of a manifest: the names of one image and what sets it apart from its siblings.

    An image that is `on_demand` is on no engine until it is pulled.
    """

    names: list[str]
    created: datetime
    size: int
    config: dict[str, Any] = {}
    absent: list[str] = []
    system: str = ""
    values: dict[str, str] = {}
    on_demand: bool = False

    def version(self, manifest: "_Manifest") -> str:
        """The full version that a manifest's `version` names: one of the values, or a variable."""
        env = [*manifest.config.get("env", ()), *self.config.get("env", ())]
        variables = dict(line.split("=", 1) for line in env)
        found = _VERSION.match(self.values.get(manifest.version) or variables.get(manifest.version, ""))
        return found[0] if found else ""

    def as_release(self, name: str, version: str, manifest: "_Manifest") -> "_Tag":
        """The same with another name, and another version wherever its own one stands."""
        own = self.version(manifest)
        env = [line.replace(own, version) for line in self.config.get("env", manifest.config.get("env", ()))]
        values = {key: value.replace(own, version) for key, value in self.values.items()}
        config = {**self.config, "env": env}
        return msgspec.structs.replace(self, names=[name], values=values, config=config, on_demand=True)


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """An `image.toml`; docs/images.md describes it."""

    repository: str
    tag: list[_Tag]
    version: str = ""
    base: str = ""
    system: str = ""
    config: dict[str, Any] = {}
    history: list[str] = []
    links: dict[str, str] = {}
    about: str = ""
    settings: dict[str, str] = {}
    templates: list[str] = []
    programs: list[str] = []
    directories: list[str] = []


class _Folder(NamedTuple):
    """An image folder: its manifest, and the files that it adds, by their path in the container."""

    path: Path
    manifest: _Manifest
    files: Mapping[str, Path]


class _Folders(dict[Path, _Folder]):
    """Image folders by path, each read once, when somebody asks for it. Raises ValueError."""

    def __missing__(self, path: Path) -> _Folder:
        found = self[path] = _Folder(path, _read(path), _rootfs(path))
        return found


class About(NamedTuple):
    """What people are told of an image: a sentence, and what each variable does that it looks at.

    `has_releases` tells whether there are earlier releases of its tags, too, when they are asked for.
    """

    text: str
    settings: Mapping[str, str]
    has_releases: bool


class Catalogue:
    """All images that a lab's engines have at first, or can pull. Read once; then point releases may be added."""

    def __init__(self, folders: Iterable[Path] | None = None) -> None:
        """Read the image folders, by default the bundled ones. Raises ValueError when a manifest is wrong."""
        paths = sorted(BUNDLED.iterdir()) if folders is None else list(folders)
        folders_read = _Folders()
        self._by_name: dict[str, Image] = {}
        self._by_id: dict[str, Image] = {}
        self._layers: dict[str, Layer] = {}
        self._about: dict[str, About] = {}
        #: The ids of images that an engine has only after it has pulled them.
        self.on_demand: set[str] = set()
        #: The names of those that are no tags of their folders, by id.
        self.point_releases: dict[str, str] = {}
        self._folders = folders_read
        self._paths: dict[str, Path] = {}
        for path in paths:
            if not (path / "image.toml").is_file():
                continue
            manifest = folders_read[path].manifest
            self._paths[manifest.repository] = path
            for tag in manifest.tag:
                self._add(path, tag)

    def _add(self, path: Path, tag: _Tag) -> Image:
        """Make the image of a tag known."""
        image, layers = _built(self._folders, path, tag)
        manifest = self._folders[path].manifest
        if tag.on_demand:
            self.on_demand.add(image.id)
        self._layers.update((layer.id, layer) for layer in layers)
        self._by_id[image.id] = image
        self._by_name.update(dict.fromkeys(image.tags, image))
        self._about[image.id] = About(manifest.about, manifest.settings, bool(manifest.version))
        return image

    @classmethod
    @cache
    def bundled(cls) -> "Catalogue":
        """That of the bundled folders, read and packed once in a process however many labs it makes."""
        return cls()

    def images(self) -> tuple[Image, ...]:
        """Every image once, newest first as `docker image ls` lists them."""
        return tuple(sorted(self._by_id.values(), key=lambda image: (-image.created, image.tags)))

    def at_first(self) -> tuple[Image, ...]:
        """Those of them that an engine has without a pull."""
        return tuple(image for image in self.images() if image.id not in self.on_demand)

    def find(self, reference: str) -> Image | None:
        """The image of a name (`nginx` is `docker.io/library/nginx:latest`), an id or an unambiguous prefix of one.

        As in Docker a name wins over an id prefix. None when there is no such image, and for a pinned digest.
        """
        return look_up(reference, self._by_name, self._by_id) or self._point_release(reference)

    def _point_release(self, reference: str) -> Image | None:
        """The image of a tag that is no folder's own, but a release of one of them before its last (`nginx:1.19.7`)."""
        try:
            name, _, wanted = parse_reference(reference).key.rpartition(":")
        except ValueError:
            return None
        path = self._paths.get(name)
        manifest = self._folders[path].manifest if path is not None else None
        if path is None or manifest is None or not manifest.version:
            return None
        found = point_release(wanted, {tag: one.version(manifest) for one in manifest.tag for tag in one.names})
        if found is None:
            return None
        known, version = found
        like = next(tag for tag in manifest.tag if known in tag.names)
        image = self._add(path, like.as_release(wanted, version, manifest))
        self.point_releases[image.id] = f"{name}:{wanted}"
        return image

    def about(self, image: Image) -> About:
        """What the folder of one of the images says about it."""
        return self._about[image.id]

    def layer(self, layer_id: str) -> Layer | None:
        """A layer of one of the images."""
        return self._layers.get(layer_id)


def look_up(reference: str, names: Mapping[str, Image], ids: Mapping[str, Image]) -> Image | None:
    """The image that a name (as `Reference` writes it), an id or an unambiguous prefix of an id means."""
    if (image := ids.get(reference)) is not None:
        return image
    try:
        named = names.get(parse_reference(reference).key)
    except ValueError:
        named = None
    if named is not None or (match := _ID.fullmatch(reference)) is None:
        return named
    hits = [image for image in ids.values() if image.id.startswith(f"sha256:{match[1]}")]
    return hits[0] if len(hits) == 1 else None


def _read(folder: Path) -> _Manifest:
    try:
        with (folder / "image.toml").open("rb") as file:
            return msgspec.convert(tomllib.load(file), _Manifest)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{folder.name}/image.toml: {error}") from error


def _built(folders: _Folders, path: Path, tag: _Tag) -> tuple[Image, tuple[Layer, ...]]:
    """The image of a `[[tag]]` of a folder, and its layers."""
    folder = folders[path]
    manifest = folder.manifest
    chain = [folder]
    while (base := chain[0].manifest.base) != "":
        chain.insert(0, folders[path.parent / base])
    bases = [_layer(part, part.manifest.tag[0], part.manifest.tag[0].size) for part in chain[:-1]]
    # What lies beneath is counted once.
    beneath = sum(layer.size for layer in bases)
    # Siblings have the same files: what sets their layers apart is their name.
    at_first = [one for one in manifest.tag if not one.on_demand]
    is_alone = len(manifest.tag) == 1 or (at_first == [tag])
    comment = "" if is_alone else f"{manifest.repository}:{tag.names[0]}"
    system = tag.system or manifest.system
    release = folders[path.parent / system] if system else None
    layers = (*bases, _layer(folder, tag, max(tag.size - beneath, 0), comment, release))
    history = (*(_base_row(part.manifest) for part in chain[:-1]), *_history(manifest, tag))
    return _image(path, manifest, tag, layers, history), layers


def _image(
    folder: Path, manifest: _Manifest, tag: _Tag, layers: tuple[Layer, ...], history: tuple[HistoryEntry, ...]
) -> Image:
    merged = {**manifest.config, **tag.config}
    try:
        config = msgspec.convert(merged, ImageConfig)
    except msgspec.ValidationError as error:
        raise ValueError(f"{folder.name}/image.toml: {error}") from error
    ids = [layer.id for layer in layers]
    image = read(compose(config, created=_created(tag), layers=ids, history=history))
    tree = flatten(layers)
    return msgspec.structs.replace(
        image,
        config=config,
        history=measured(image.history, layers),
        size=tag.size,
        tags=tuple(f"{manifest.repository}:{name}" for name in tag.names),
        tree=lambda: tree,
        absent=frozenset(tag.absent),
    )


def _created(tag: _Tag) -> int:
    return int(tag.created.timestamp()) * 1_000_000_000


def _history(manifest: _Manifest, tag: _Tag) -> list[HistoryEntry]:
    return [
        HistoryEntry(_created(tag), _filled(line, tag), empty_layer=index > 0)
        for index, line in enumerate(manifest.history or [""])
    ]


def _base_row(manifest: _Manifest) -> HistoryEntry:
    """What made the layer of an image that lies beneath another."""
    return _history(manifest, manifest.tag[0])[0]


def _rootfs(folder: Path) -> dict[str, Path]:
    """The files a folder adds, by their path in the container, sorted."""
    root = folder / "rootfs"
    found = {"/" + path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


def _layer(folder: _Folder, tag: _Tag, size: int, comment: str = "", system: _Folder | None = None) -> Layer:
    """What the folder adds to the root file system, the same on every machine, said to be of this size.

    `system` is the folder of the image whose releases' names this one has, too: those of its first tag.
    """
    manifest = folder.manifest
    entries = [Entry(path, "link", 0o777, None, target) for path, target in manifest.links.items()]
    entries += [Entry(path, "directory", 0o755) for path in manifest.directories]
    entries += [Entry(path, "file", 0o755, _stand_in(path)) for path in manifest.programs]
    for path, source in folder.files.items():
        mode = 0o755 if source.read_bytes().startswith(b"#!") else 0o644
        entries.append(Entry(path, "file", mode, _content(path, source, manifest, tag)))
    if system is not None:
        first = system.manifest.tag[0]
        for path, source in system.files.items():
            if path.startswith("/etc/") and path.endswith("-release"):
                entries.append(Entry(path, "file", 0o644, _content(path, source, system.manifest, first)))
    entries = with_parents(entry._replace(modified=_created(tag)) for entry in entries)
    archive = pack(entries, comment)
    return Layer(
        "sha256:" + hashlib.sha256(archive).hexdigest(), size, entries, _Archive(tuple(entries), comment), len(archive)
    )


def _stand_in(path: str) -> Content:
    """What stands for a program that swarmlab plays."""
    return Bytes(f'#!/bin/sh\nexec {Path(path).name} "$@"\n'.encode())


def _content(path: str, source: Path, manifest: _Manifest, tag: _Tag) -> Content:
    """A file of a folder, filled if it is a template."""
    if path not in manifest.templates:
        return source
    return Bytes(_filled(source.read_text(encoding="utf-8"), tag).encode())


def _filled(text: str, tag: _Tag) -> str:
    """Put a tag's values where `{{NAME}}` stands."""
    return _PLACE.sub(lambda match: tag.values.get(match[1], match[0]), text)


class _Archive(NamedTuple):
    """A layer of the catalogue as a tar archive, made when somebody wants it."""

    entries: tuple[Entry, ...]
    comment: str

    def read_bytes(self) -> bytes:
        """See `Content`."""
        return pack(self.entries, self.comment)
