"""The images of one engine: the catalogue's, as far as it still has them, and its own."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec

from swarmlab.images.base import Image, Tree
from swarmlab.images.catalogue import Catalogue, look_up
from swarmlab.images.document import read
from swarmlab.images.layer import Layer, flatten, measured
from swarmlab.images.layers import LayerStore
from swarmlab.objects.local import LocalImage
from swarmlab.store import Actor, Kind, Store

_replace = msgspec.structs.replace


class ImageStore:
    """Names, configurations and layers. Knows nothing of containers: who may remove what is the engine's business.

    An image of the catalogue is here, under its own names, until a record says otherwise; one that is on demand is
    here when a record says so. Records are in the engine's
    store, so in the journal; layers are files in `folder`.
    """

    def __init__(self, engine: str, catalogue: Catalogue, store: Store, folder: Path) -> None:
        self.catalogue = catalogue
        self.layers = LayerStore(folder)
        self._actor = Actor(engine=engine, loop="images")
        self._store = store
        #: What there is, by id, and by name; made anew after a change.
        self._present: tuple[dict[str, Image], dict[str, Image]] | None = None
        self._read = cache(self._from_document)
        for record in store.tables.images:
            if record.release:
                # A new process has not heard of it, and others may be made of it.
                catalogue.find(record.release)

    # --- looking ---------------------------------------------------------------------------------------------------

    def images(self) -> tuple[Image, ...]:
        """Every image once, newest first."""
        return tuple(sorted(self._view()[0].values(), key=lambda image: (-image.created, image.tags, image.id)))

    def find(self, reference: str) -> Image | None:
        """See `Images`. `name@sha256:…` finds what was pulled by it, or under another tag."""
        ids, names = self._view()
        return look_up(reference, names, ids)

    def children(self, image_id: str) -> list[Image]:
        """The images that were made of this one."""
        return [image for image in self._view()[0].values() if image.parent == image_id]

    def descendants(self, image: Image) -> set[str]:
        """The ids of an image, of its children, of theirs, and so on."""
        found = {image.id}
        for child in self.children(image.id):
            found |= self.descendants(child)
        return found

    def layer(self, layer_id: str) -> Layer | None:
        """A layer of the engine or of the catalogue."""
        return self.catalogue.layer(layer_id) or self.layers.get(layer_id)

    def layers_of(self, image: Image) -> list[Layer]:
        """An image's layers, the lowest first. Raises LookupError when one is lost."""
        found = [self.layer(layer_id) for layer_id in image.layers]
        if None in found:
            raise LookupError(f"layer does not exist: {image.id}")
        return [layer for layer in found if layer is not None]

    def by_id(self, image_id: str) -> Image | None:
        """An image by its whole id, removed or not."""
        record = self._store.tables.images.get(image_id)
        image = self._read(record.document) if record is not None and record.document else None
        if image is None:
            image = self.catalogue.find(image_id)
        if record is None or image is None:
            return image
        return _replace(
            image, tags=record.tags, digests=record.digests, tagged_at=record.tagged_at, parent=record.parent
        )

    @property
    def kept(self) -> "Kept":
        """The images for containers: those too that were removed while a container used them."""
        return Kept(self)

    # --- changing --------------------------------------------------------------------------------------------------

    def add(self, document: bytes, parent: str = "") -> Image:
        """Keep an image whose layers are here; nothing changes for one that is here. Raises ValueError."""
        image = read(document)
        record = self._store.tables.images.get(image.id)
        if self._view()[0].get(image.id) is None:
            if record is not None:
                self._write(_replace(record, removed=False))
            else:
                is_ours = self.catalogue.find(image.id) is None
                release = self.catalogue.point_releases.get(image.id, "")
                document = b"" if not is_ours else document
                self._write(LocalImage(id=image.id, document=document.decode(), parent=parent, release=release))
        found = self.find(image.id)
        assert found is not None
        return found

    def tag(self, image_id: str, name: str) -> None:
        """Give an image a name (`name:tag`, `name@sha256:…`); another image loses it."""
        field = _field(name)
        owners = (i for i in self._view()[0].values() if name in getattr(i, field) and i.id != image_id)
        records = [self._changed(other.id, field, {*getattr(other, field)} - {name}) for other in owners]
        mine = self._changed(image_id, field, {*getattr(self._view()[0][image_id], field), name})
        self._write(*records, _replace(mine, tagged_at=self._store.clock.now()))

    def untag(self, image_id: str, name: str) -> None:
        """Take a name away."""
        field = _field(name)
        self._write(self._changed(image_id, field, {*getattr(self._view()[0][image_id], field)} - {name}))

    def remove(self, image_id: str, used: Collection[str]) -> list[str]:
        """Remove an image and its names; `used` are the images that containers live on.

        Returns the chain ids of the layers that are gone with it, the uppermost first.
        """
        image = self._view()[0][image_id]
        self._write(_replace(self._record(image_id), removed=True, tags=(), digests=()))
        in_use = [*self._view()[0].values(), *(self.by_id(other) for other in used)]
        chains = {chain for other in in_use if other is not None for chain in chain_ids(other.layers)}
        self.sweep(used)
        return [chain for chain in reversed(chain_ids(image.layers)) if chain not in chains]

    def sweep(self, used: Collection[str]) -> None:
        """Forget what was removed, now that no container lives on it, and layers that belong to nothing."""
        gone = [r.id for r in self._store.tables.images if r.removed and r.document and r.id not in used]
        if gone:
            with self._store.transaction(self._actor) as tx:
                for image_id in gone:
                    tx.delete(Kind.IMAGE, image_id)
        records = [self._read(record.document) for record in self._store.tables.images if record.document]
        self.layers.keep({layer for image in records for layer in image.layers})
        self._present = None

    # --- inside ----------------------------------------------------------------------------------------------------

    def _view(self) -> tuple[dict[str, Image], dict[str, Image]]:
        if self._present is None:
            ids: dict[str, Image] = {}
            records = self._store.tables.images
            for record in records:
                # The catalogue of an older swarmlab may have had images that this one has not.
                found = None if record.removed else self.by_id(record.id)
                if found is not None:
                    ids[record.id] = found
            claimed = {tag for image in ids.values() for tag in image.tags}
            for image in self.catalogue.at_first():
                if image.id not in records:
                    ids[image.id] = _replace(image, tags=tuple(tag for tag in image.tags if tag not in claimed))
            names = {name: image for image in ids.values() for name in (*image.tags, *image.digests)}
            self._present = ids, names
        return self._present

    def _from_document(self, document: str) -> Image:
        image = read(document.encode())
        base = self._base(image.layers)
        layers = [self.layer(layer_id) for layer_id in image.layers]
        return _replace(
            image,
            size=sum(layer.size for layer in layers if layer is not None),
            history=measured(image.history, layers),
            absent=base.absent if base is not None else frozenset(),
            foreign=base is None,
            tree=cache(partial(self._tree, image)),
        )

    def _tree(self, image: Image) -> Tree:
        return flatten(self.layers_of(image))

    def _base(self, layers: tuple[str, ...]) -> Image | None:
        """The image of the catalogue that an image was made of, however long ago."""
        below = [image for image in self.catalogue.images() if image.layers == layers[: len(image.layers)]]
        return max(below, key=lambda image: len(image.layers), default=None)

    def _record(self, image_id: str) -> LocalImage:
        """The record of an image, as it is to be written; one of the catalogue may have none yet."""
        found = self._store.tables.images.get(image_id)
        if found is not None:
            return found
        image = self._view()[0][image_id]
        return LocalImage(id=image_id, tags=image.tags)

    def _changed(self, image_id: str, field: str, names: Iterable[str]) -> LocalImage:
        return _replace(self._record(image_id), **{field: tuple(sorted(names))})

    def _write(self, *records: LocalImage) -> None:
        with self._store.transaction(self._actor) as tx:
            for record in records:
                if record.id in tx.tables.images:
                    tx.update(Kind.IMAGE, record)
                else:
                    tx.create(Kind.IMAGE, record)
        self._present = None


class Kept:
    """See `ImageStore.kept`."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def find(self, reference: str) -> Image | None:
        """See `Images`."""
        return self._store.find(reference) or self._store.by_id(reference)


def chain_ids(layers: Sequence[str]) -> list[str]:
    """What names each layer together with all beneath it (OCI image-spec, config.md)."""
    chains: list[str] = []
    for layer in layers:
        above = hashlib.sha256(f"{chains[-1]} {layer}".encode()).hexdigest() if chains else ""
        chains.append(f"sha256:{above}" if above else layer)
    return chains


def _field(name: str) -> str:
    return "digests" if "@" in name else "tags"
