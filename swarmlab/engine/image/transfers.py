"""Images on their way to and from registries of the lab (MB: distribution/{push,pull}_v2.go)."""

import asyncio
import gzip
import hashlib
import shutil
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from swarmlab.engine.errors import EngineError, internal, not_found
from swarmlab.engine.image.images import LocalImages, Pulled
from swarmlab.engine.image.platforms import Platform
from swarmlab.engine.image.registryclient import CONFIGURATION, LAYER, MANIFEST, Described, Registry, host_of, registry
from swarmlab.images import Image, Layer, LayerError, Reference, chain_ids, parse_reference, read_document

#: What the descriptions of images are at most, in bytes.
_LARGEST_CONFIGURATION = 8 << 20
_CHUNK = 1 << 20


class Pushing(NamedTuple):
    """What becomes of a layer: `Preparing`, `Pushing` (`done` of `size` bytes), `Pushed`, `Layer already exists`."""

    layer: str
    state: str
    done: int = 0
    size: int = 0


class PushedTag(NamedTuple):
    """A tag is in the registry; `size` is that of its manifest in bytes."""

    tag: str
    digest: str
    size: int


def is_elsewhere(text: str) -> bool:
    """Whether a name leads to a registry of the lab, and not to the catalogue. Raises ValueError for no name."""
    return bool(host_of(parse_reference(text)))


async def fetch(images: LocalImages, text: str, platform: Platform | None = None) -> Pulled:
    """Pull an image from wherever its name leads. Raises EngineError with Docker's words, ValueError for no name.

    A registry of the lab has each image for one platform, and gives it to whoever asks.
    """
    return await _pull(images, parse_reference(text)) if is_elsewhere(text) else images.pull(text, platform)


async def _pull(images: LocalImages, reference: Reference) -> Pulled:
    async with registry(reference, images.connect) as there:
        try:
            found = await there.manifest()
        except EngineError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise not_found(f"manifest for {reference.key} not found: {error}") from None
            raise
        described = found.parsed
        with images.store.layers.arriving(), images.store.layers.spool() as spool:
            await there.download(described["config"]["digest"], spool)
            document = spool.read(_LARGEST_CONFIGURATION)
            blobs = [str(layer["digest"]) for layer in described["layers"]]
            wanted = _layers_of(document, len(blobs))
            known = {chain for image in images.images() for chain in chain_ids(image.layers)}
            missing = {layer for layer, chain in zip(wanted, chain_ids(wanted), strict=True) if chain not in known}
            for layer, blob in zip(wanted, blobs, strict=True):
                if images.store.layer(layer) is None:
                    await _fetch(images, there, layer, blob)
            before, was_here = images.find(reference.key), images.find(f"sha256:{_digest(document)}") is not None
            try:
                image = images.store.add(document)
            except ValueError as error:
                raise internal(str(error)) from None
        layers = images.store.layers_of(image)
    names = {f"{reference.name}@{found.digest}"}
    if not reference.digest:
        names.add(reference.key)
    for name in names:
        images.store.tag(image.id, name)
    images.tell("pull", reference, image)
    is_new = before is None or before.id != image.id
    shown = () if was_here else layers
    return Pulled(image, reference, found.digest, shown, missing, is_new, dict(zip(wanted, blobs, strict=True)))


async def describe(images: LocalImages, reference: Reference) -> tuple[Described, Image]:
    """What a registry has under a name: its manifest, and the image as its configuration tells of it."""
    async with registry(reference, images.connect) as there:
        found = await there.manifest()
        with images.store.layers.spool() as spool:
            await there.download(found.parsed["config"]["digest"], spool)
            try:
                return found, read_document(spool.read(_LARGEST_CONFIGURATION))
            except ValueError as error:
                raise internal(str(error)) from None


async def check(images: LocalImages, host: str) -> None:
    """Whether there is a registry at a host, which may have a port. Raises EngineError."""
    async with registry(Reference(f"{host}/any", "latest"), images.connect) as there:
        await there.check()


async def push(images: LocalImages, reference: Reference, *, every: bool = False) -> AsyncIterator[Pushing | PushedTag]:
    """Bring an image to its registry, or every one of its repository. Raises EngineError with Docker's words."""
    named = {name: image for image in images.images() for name in image.tags}
    ours = {tag: image for tag, image in named.items() if parse_reference(tag).name == reference.name}
    wanted = ours if every else {key: image for key, image in ours.items() if key == reference.key}
    if not ours:
        raise not_found(f"An image does not exist locally with the tag: {reference.name}")
    async with registry(reference, images.connect) as there:
        await there.check()
        if not wanted:
            raise not_found(f"tag does not exist: {reference.key}")
        for key, image in sorted(wanted.items()):
            async for step in _push(images, there, parse_reference(key), image):
                yield step


async def _push(
    images: LocalImages, there: Registry, reference: Reference, image: Image
) -> AsyncIterator[Pushing | PushedTag]:
    try:
        layers = images.store.layers_of(image)
    except LookupError as error:
        raise internal(str(error)) from None
    for layer in reversed(layers):
        yield Pushing(layer.id, "Preparing")
    described = []
    for layer in layers:
        with images.store.layers.spool() as packed:
            digest, size = await asyncio.to_thread(_compress, layer, packed)
            described.append({"mediaType": LAYER, "size": size, "digest": digest})
            if await there.has(digest):
                yield Pushing(layer.id, "Layer already exists")
                continue
            yield Pushing(layer.id, "Pushing", 0, size)
            await there.upload(digest, packed)
            yield Pushing(layer.id, "Pushing", size, size)
            yield Pushing(layer.id, "Pushed")
    if not await there.has(image.id):
        with images.store.layers.spool() as configuration:
            configuration.write(image.document)
            configuration.seek(0)
            await there.upload(image.id, configuration)
    manifest = msgspec.json.format(
        msgspec.json.encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIGURATION, "size": len(image.document), "digest": image.id},
                "layers": described,
            }
        ),
        indent=3,
    )
    digest = await there.describe(reference.tag, manifest)
    images.store.tag(image.id, f"{reference.name}@{digest}")
    images.tell("push", reference, image)
    yield PushedTag(reference.tag, digest, len(manifest))


def _compress(layer: Layer, target: BinaryIO) -> tuple[str, int]:
    """Write a layer's archive with gzip, the same bytes each time; their digest and number."""
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=1, mtime=0, filename="") as packed:
        if isinstance(layer.archive, Path):
            with layer.archive.open("rb") as source:
                shutil.copyfileobj(source, packed)
        else:
            packed.write(layer.archive.read_bytes())
    size = target.tell()
    target.seek(0)
    found = hashlib.sha256()
    while chunk := target.read(_CHUNK):
        found.update(chunk)
    target.seek(0)
    return f"sha256:{found.hexdigest()}", size


async def _fetch(images: LocalImages, there: Registry, layer: str, blob: str) -> None:
    """Have a layer here that a registry has as a blob."""
    with images.store.layers.spool() as spool:
        await there.download(blob, spool)
        try:
            came = await asyncio.to_thread(images.store.layers.add, spool)
        except LayerError as error:
            raise internal(f"failed to register layer: {error}") from None
    if came.id != layer:
        raise internal(f"filesystem layer verification failed for digest {blob}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _layers_of(document: bytes, count: int) -> Sequence[str]:
    """The layers that a configuration names. Raises EngineError unless they are as many as in the manifest."""
    try:
        found = [str(layer) for layer in msgspec.json.decode(document)["rootfs"]["diff_ids"] or ()]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise internal("invalid character in image config") from None
    if len(found) != count:
        raise internal("image config and manifest have different numbers of layers")
    return found
