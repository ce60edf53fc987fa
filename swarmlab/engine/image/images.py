"""The images of one engine, as its clients know them (MB: daemon/images)."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import IO, NamedTuple

import msgspec

from swarmlab.clock import Clock
from swarmlab.engine.errors import EngineError, bad_request, internal, not_found
from swarmlab.engine.events import Events
from swarmlab.engine.image.platforms import Platform, made_for
from swarmlab.engine.network.outgoing import Connect
from swarmlab.engine.version import VERSION
from swarmlab.images import (
    HistoryEntry,
    Image,
    ImageConfig,
    ImageStore,
    Layer,
    LayerError,
    Reference,
    chain_ids,
    check_reference,
    compose,
    parse_reference,
)
from swarmlab.images import archive as archives
from swarmlab.images.changes import apply

_HEX_ID = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)


class Pulled(NamedTuple):
    """An image that is here now, with its layers unless it was; `missing` are the ids of those that were not here.

    `blobs` is what a registry calls layers, by id, if it packs them.
    """

    image: Image
    reference: Reference
    digest: str
    layers: Sequence[Layer]
    missing: Collection[str]
    is_new: bool
    blobs: Mapping[str, str] = MappingProxyType({})


class Usage(NamedTuple):
    """Bytes: of each layer, by its chain id, and by image of those layers that others have as well."""

    layers: Mapping[str, int]
    shared: Mapping[str, int]


class LocalImages:
    """Looks images up, names them, makes them, and brings them in and out. All raise EngineError.

    The catalogue is this engine's registry: what it has can be pulled. `create` is what everything uses that makes an
    image: `commit`, `import_`, and whoever builds.
    """

    def __init__(self, store: ImageStore, clock: Clock, events: Events, connect: Connect | None = None) -> None:
        """`connect` leads to registries in the lab; see `transfers`."""
        self.store = store
        self.connect = connect
        self._clock = clock
        self._events = events

    # --- looking ---------------------------------------------------------------------------------------------------

    def images(self) -> tuple[Image, ...]:
        """Every image once, newest first."""
        return self.store.images()

    def find(self, reference: str) -> Image | None:
        """See `Images`."""
        return self.store.find(reference)

    def get(self, reference: str) -> Image:
        """An image by name or id; 404 when it is not here, 400 for what can name none."""
        image = self.store.find(reference)
        if image is not None:
            return image
        try:
            check_reference(reference)
            text = f"sha256:{reference}" if _HEX_ID.fullmatch(reference) else parse_reference(reference).key
        except ValueError as error:
            raise bad_request(str(error)) from None
        raise not_found(f"No such image: {text}")

    def publish(self, action: str, image: Image, name: str = "") -> None:
        """Tell of something that happened to an image, under this name (its id, if there is none)."""
        self._events.publish("image", action, image.id, {**image.config.labels, "name": name or image.id})

    def tell(self, action: str, reference: Reference, image: Image) -> None:
        """Tell of an image that was pulled or pushed by a name."""
        self._events.publish("image", action, reference.key, {**image.config.labels, "name": reference.name})

    def usage(self) -> "Usage":
        """What layers take, and how much of each image others have as well."""
        sizes: dict[str, int] = {}
        owners: Counter[str] = Counter()
        chains = {image.id: chain_ids(image.layers) for image in self.images()}
        for image in self.images():
            owners.update(chains[image.id])
            for chain, layer in zip(chains[image.id], map(self.store.layer, image.layers), strict=True):
                sizes[chain] = layer.size if layer is not None else 0
        shared = {i: sum(sizes[chain] for chain in mine if owners[chain] > 1) for i, mine in chains.items()}
        return Usage(sizes, shared)

    # --- names -----------------------------------------------------------------------------------------------------

    def tag(self, reference: str, repository: str, tag: str) -> None:
        """Give an image another name."""
        image = self.get(reference)
        name = checked_name(repository, tag)
        self.name(image, name, familiar(name, repository, tag))

    def name(self, image: Image, name: Reference, text: str) -> None:
        """Give an image a name; `text` is its `familiar` form, for the event."""
        self.store.tag(image.id, name.key)
        self.publish("tag", image, text)

    # --- making ----------------------------------------------------------------------------------------------------

    def create(
        self,
        config: ImageConfig,
        entry: HistoryEntry,
        *,
        parent: Image | None = None,
        layer: Layer | None = None,
        author: str = "",
        comment: str = "",
        container: str = "",
        container_config: ImageConfig | None = None,
    ) -> Image:
        """An image of a configuration, and of a layer on those of its parent, without a name.

        `entry` is its line of history; `created` (Unix nanoseconds) is now unless it says so. Without a layer the
        line is one of an empty layer.
        """
        layers = parent.layers if parent is not None else ()
        history = parent.history if parent is not None else ()
        created = entry.created or self._clock.now()
        document = compose(
            config,
            created=created,
            layers=layers if layer is None else (*layers, layer.id),
            history=(*history, msgspec.structs.replace(entry, created=created, empty_layer=layer is None)),
            author=author,
            comment=comment,
            container=container,
            container_config=container_config,
            docker_version=VERSION,
        )
        image = self.store.add(document, parent.id if parent is not None and self.find(parent.id) else "")
        self.publish("create", image)
        return image

    @contextmanager
    def layer(self, source: IO[bytes]) -> Iterator[Layer]:
        """Keep a tar archive, compressed or not, as the layer of an image that is made within the block."""
        with self.store.layers.arriving():
            try:
                yield self.store.layers.add(source)
            except LayerError as error:
                raise internal(str(error)) from None

    async def import_(
        self, source: IO[bytes], name: Reference | None, text: str, message: str, changes: Sequence[str]
    ) -> Image:
        """An image of a root file system (a tar archive, compressed or not). `text` is the name's `familiar` form."""
        config = changed(ImageConfig(), changes)
        comment = message or "Imported from -"
        with self.store.layers.arriving():
            try:
                layer = await asyncio.to_thread(self.store.layers.add, source)
            except LayerError as error:
                raise internal(str(error)) from None
            image = self.create(
                config, HistoryEntry(comment=comment), layer=layer, comment=comment, container_config=ImageConfig()
            )
        if name is not None:
            self.name(image, name, text)
        self.publish("import", image)
        return image

    # --- from and to elsewhere -------------------------------------------------------------------------------------

    def pull(self, text: str, platform: Platform | None = None) -> Pulled:
        """Fetch an image of the catalogue, as from a registry; 404 when it has none of that name, or platform."""
        reference = parse_reference(text)
        image = self._in_registry(reference)
        document = made_for(image, platform)
        layers = [layer for layer in map(self.store.catalogue.layer, image.layers) if layer is not None]
        digest = archives.repository_digest(image, layers)
        here = {chain for other in self.images() for chain in chain_ids(other.layers)}
        missing = {layer.id for layer, chain in zip(layers, chain_ids(image.layers), strict=True) if chain not in here}
        known = self.store.find(reference.key)
        known_ids = {other.id for other in self.images()}
        image = self.store.add(document)
        was_here = image.id in known_ids
        for name in {f"{reference.name}@{digest}", reference.key}:
            self.store.tag(image.id, name)
        self.tell("pull", reference, image)
        shown = () if was_here else layers
        return Pulled(image, reference, digest, shown, missing, known is None or known.id != image.id)

    def obtain(self, reference: str) -> Image | None:
        """An image that is here, or can be pulled; None when there is none."""
        image = self.store.find(reference)
        if image is not None:
            return image
        try:
            return self.pull(reference).image
        except (EngineError, ValueError):
            return None

    def save(self, references: Sequence[str]) -> Iterator[bytes]:
        """An archive of images: one of all tags for a bare name. Nothing is read before the first piece is taken."""
        wanted: dict[str, list[str]] = {}
        for reference in references:
            for image_id, name in self._named(reference):
                names = wanted.setdefault(image_id, [])
                if name and name not in names:
                    names.append(name)
        saved = []
        for image_id, names in wanted.items():
            image = self.get(image_id)
            try:
                saved.append(archives.Saved(image, self.store.layers_of(image), names))
            except LookupError as error:
                raise internal(str(error)) from None
            self.publish("save", image)
        return archives.save(saved)

    async def load(self, source: IO[bytes], arrived: Callable[[Layer], None]) -> list[str]:
        """Bring in the images of an archive; what Docker says of it. Raises ValueError for a bad one.

        `arrived` is called, in another thread, with each layer that was not here.
        """
        with self.store.layers.arriving():
            loaded = await asyncio.to_thread(archives.load, source, self.store.layers, self.store.layer, arrived)
            return [message for found in loaded for message in self._loaded(found)]

    def _loaded(self, found: archives.Loaded) -> Iterator[str]:
        image = self.store.add(found.image.document)
        for name in found.names:
            other = self.store.find(name)
            if other is not None and other.id != image.id:
                yield f"The image {name} already exists, renaming the old one with ID {other.id} to empty string\n"
            self.store.tag(image.id, name)
            yield f"Loaded image: {name}\n"
        if not found.names:
            yield f"Loaded image ID: {image.id}\n"
        self.publish("load", image)

    def _named(self, reference: str) -> list[tuple[str, str]]:
        """What `docker save` takes by a reference: images' ids, and the name to save each under."""
        try:
            parsed = check_reference(reference)
        except ValueError as error:
            raise internal(str(error)) from None
        bare = not parsed.digest and ":" not in reference.rpartition("/")[2]
        if bare:
            tags = [(image.id, tag) for image in self.images() for tag in image.tags]
            mine = [(image_id, tag) for image_id, tag in tags if tag.rpartition(":")[0] == parsed.name]
            if mine:
                return mine
        image = self.store.find(reference)
        if image is None:
            raise not_found(f"No such image: {reference}" if bare else "reference does not exist")
        return [(image.id, parsed.key if parsed.key in image.tags else "")]

    def _in_registry(self, reference: Reference) -> Image:
        catalogue = self.store.catalogue
        # Point releases are known once somebody has asked for them.
        catalogue.find(f"{reference.name}:{reference.tag}")
        named = [
            image for image in catalogue.images() if any(t.rpartition(":")[0] == reference.name for t in image.tags)
        ]
        if not named:
            raise not_found(
                f"pull access denied for {reference.name}, repository does not exist or may require 'docker login': "
                "swarmlab has the images of its catalogue only"
            )
        for image in named:
            layers = [layer for layer in map(catalogue.layer, image.layers) if layer is not None]
            if reference.digest == archives.repository_digest(image, layers):
                return image
            if not reference.digest and reference.key in image.tags:
                return image
        raise not_found(f"manifest for {reference.key} not found: manifest unknown: manifest unknown")


def checked_name(repository: str, tag: str) -> Reference:
    """The name that is given to an image. Raises EngineError (400, 500)."""
    if _HEX_ID.fullmatch(repository):
        raise internal(f"invalid repository name ({repository}), cannot specify 64-byte hexadecimal strings")
    try:
        reference = check_reference(repository)
    except ValueError as error:
        raise internal(str(error)) from None
    if reference.digest:
        raise bad_request("refusing to create a tag with a digest reference")
    if tag and not _TAG.fullmatch(tag):
        raise internal("invalid tag format")
    if reference.name == "sha256":
        raise bad_request("refusing to create an ambiguous tag using digest algorithm as name")
    return reference._replace(tag=tag or reference.tag)


def changed(config: ImageConfig, changes: Sequence[str]) -> ImageConfig:
    """A configuration after the instructions of `--change`. Raises EngineError (400)."""
    try:
        return apply(config, changes)
    except ValueError as error:
        raise bad_request(str(error)) from None


def familiar(name: Reference, repository: str, tag: str) -> str:
    """A name as a client gave it: without a tag that it did not write, or the registry that everybody means."""
    return str(name) if tag or ":" in repository.rpartition("/")[2] else name.name
