"""Images that were built before by the same instruction from the same image (MB: image/cache/{cache,compare}.go)."""

from collections.abc import Sequence

from swarmlab.engine.image.images import LocalImages
from swarmlab.images import Image, ImageConfig


class BuildCache:
    """Looks for them, until a step of the stage is not found: what follows is built anew."""

    def __init__(self, images: LocalImages, *, off: bool, sources: Sequence[str]) -> None:
        """With `sources` only the images that these were made of count."""
        self._images = images
        self._off = off
        self._sources = sources
        self._missed = False

    def begin_stage(self) -> None:
        """Look again."""
        self._missed = False

    def find(self, parent: str, container_config: ImageConfig) -> Image | None:
        """The newest image of this step; `parent` is empty for `scratch`."""
        if self._off or self._missed:
            return None
        found = [i for i in self._images.store.children(parent) if _is_same(i.container_config, container_config)]
        if self._sources:
            wanted = self._lineage()
            found = [image for image in found if image.id in wanted]
        self._missed = not found
        return max(found, key=lambda image: image.created, default=None)

    def _lineage(self) -> set[str]:
        found: set[str] = set()
        for name in self._sources:
            image = self._images.find(name)
            while image is not None and image.id not in found:
                found.add(image.id)
                image = self._images.find(image.parent) if image.parent else None
        return found


def _is_same(one: ImageConfig, other: ImageConfig) -> bool:
    return not one.open_stdin and _compared(one) == _compared(other)


def _compared(config: ImageConfig) -> tuple[object, ...]:
    return (
        config.attach_stdout,
        config.attach_stderr,
        config.user,
        config.tty,
        tuple(config.cmd),
        tuple(config.env),
        dict(config.labels),
        set(config.exposed_ports),
        tuple(config.entrypoint),
        set(config.volumes),
    )
