"""Which images may go, and what goes with them (MB: daemon/images/{image_delete,image_prune}.go)."""

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from swarmlab.engine.errors import EngineError, conflict
from swarmlab.engine.events import Events
from swarmlab.engine.image.images import LocalImages
from swarmlab.images import Image, parse_reference
from swarmlab.objects.local import Container

_RUNS = frozenset({"running", "restarting", "paused"})


class Removed(NamedTuple):
    """One line of the answer: a name that is `Untagged`, an image or a layer that is `Deleted`."""

    what: Literal["Untagged", "Deleted"]
    name: str


class Pruned(NamedTuple):
    """What a prune has removed, and the bytes of the layers among it."""

    removed: list[Removed]
    reclaimed: int


class _Conflict(NamedTuple):
    """Why an image stays. A hard one cannot be forced; `used` if a container is the reason."""

    reason: str
    hard: bool = False
    used: bool = False

    def error(self, image: Image) -> EngineError:
        force = "cannot be forced" if self.hard else "must be forced"
        return conflict(f"conflict: unable to delete {_short(image.id)} ({force}) - {self.reason}")


class ImageRemoval:
    """Removes images of an engine. `containers` are all that it has."""

    def __init__(self, images: LocalImages, containers: Callable[[], list[Container]], events: Events) -> None:
        self._images = images
        self._containers = containers
        self._events = events

    def remove(self, reference: str, *, force: bool = False, prune: bool = True) -> list[Removed]:
        """Take away a name, and the image with its last one; with `prune` also parents that have no name.

        Raises EngineError: 404 when there is no such image, 409 when something needs it.
        """
        image = self._images.get(reference)
        removed: list[Removed] = []
        by_name = not _is_id(image, reference)
        if by_name:
            user = self._user(image)
            if not force and _is_single(image) and user is not None:
                raise conflict(
                    f'conflict: unable to remove repository reference "{reference}" (must force) - container '
                    f"{user.id[:12]} is using its referenced image {_short(image.id)}"
                )
            self._untag(image, parse_reference(reference).key, removed)
            left = self._images.get(image.id)
            if left.tags or left.digests:
                return removed
        elif _is_single(image):
            hinders = self._conflict(image, soft=not force, names=False)
            if hinders is not None:
                raise hinders.error(image)
            self._untag_all(image, removed)
        self._delete(image.id, removed, force=force, prune=prune, quiet=by_name)
        return removed

    def prune(self, wanted: Callable[[Image], bool], *, dangling_only: bool) -> Pruned:
        """Remove the wanted images that no container uses: those without a tag, or all of them."""
        sizes = self._images.usage().layers
        removed: list[Removed] = []
        for image in self._images.images():
            names = _names(image)
            if (not names and self._images.store.children(image.id)) or not wanted(image):
                continue
            if image.tags and dangling_only:
                continue
            for name in names or [image.id]:
                with suppress(EngineError):
                    removed += self.remove(name)
        reclaimed = sum(sizes.get(line.name, 0) for line in removed if line.what == "Deleted")
        self._events.publish("image", "prune", "", {"reclaimed": str(reclaimed)})
        return Pruned(removed, reclaimed)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _untag_all(self, image: Image, removed: list[Removed]) -> None:
        for name in _names(image):
            # The last tag takes digests along.
            if name in _names(self._images.get(image.id)):
                self._untag(image, name, removed)

    def _untag(self, image: Image, name: str, removed: list[Removed]) -> None:
        """Take away a name, and what was pulled of that repository with its last tag."""
        self._images.store.untag(image.id, name)
        self._images.publish("untag", image)
        removed.append(Removed("Untagged", name))
        repository = parse_reference(name).name
        left = self._images.get(image.id)
        if "@" in name or any(parse_reference(tag).name == repository for tag in left.tags):
            return
        for digest in left.digests:
            if parse_reference(digest).name == repository:
                self._images.store.untag(image.id, digest)
                removed.append(Removed("Untagged", digest))

    def _delete(self, image_id: str, removed: list[Removed], *, force: bool, prune: bool, quiet: bool) -> None:
        image = self._images.find(image_id)
        if image is None:
            return
        hinders = self._conflict(image, soft=not force, names=True)
        if hinders is not None:
            if quiet and (hinders.used or not self._is_dangling(image)):
                return
            raise hinders.error(image)
        self._untag_all(image, removed)
        used = {container.image_id for container in self._containers()}
        layers = self._images.store.remove(image_id, used)
        # By now nobody knows its labels any more.
        self._events.publish("image", "delete", image_id, {"name": image_id})
        removed += [Removed("Deleted", name) for name in (image_id, *layers)]
        if prune and image.parent:
            self._delete(image.parent, removed, force=False, prune=True, quiet=True)

    def _conflict(self, image: Image, *, soft: bool, names: bool) -> _Conflict | None:
        """What hinders the removal: with `soft` also what force overcomes, among it `names`."""
        if self._images.store.children(image.id):
            return _Conflict("image has dependent child images", hard=True)
        users = [container for container in self._containers() if container.image_id == image.id]
        for user in users:
            if user.state.status in _RUNS:
                reason = f"image is being used by running container {user.id[:12]}"
                return _Conflict(reason, hard=True, used=True)
        if soft and names and _names(image):
            return _Conflict("image is referenced in multiple repositories")
        if soft and users:
            return _Conflict(f"image is being used by stopped container {users[0].id[:12]}", used=True)
        return None

    def _user(self, image: Image) -> Container | None:
        return next((c for c in self._containers() if c.image_id == image.id), None)

    def _is_dangling(self, image: Image) -> bool:
        return not _names(image) and not self._images.store.children(image.id)


def _names(image: Image) -> list[str]:
    return sorted((*image.tags, *image.digests))


def _is_single(image: Image) -> bool:
    """Whether all of an image's names are one: at most one tag, and digests of the same repository."""
    repositories = {parse_reference(digest).name for digest in image.digests}
    if len(image.tags) > 1 or len(repositories) > 1:
        return False
    return not image.tags or not repositories or repositories == {parse_reference(image.tags[0]).name}


def _is_id(image: Image, reference: str) -> bool:
    """Whether a reference is (the beginning of) the image's id."""
    return image.id.startswith((reference, f"sha256:{reference}"))


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
