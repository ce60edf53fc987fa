"""An image of a container as it is (MB: daemon/commit.go)."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

from swarmlab.engine.container.containers import Containers
from swarmlab.engine.errors import bad_request
from swarmlab.engine.image.imageconfig import config_of, merged
from swarmlab.engine.image.images import LocalImages, changed, checked_name, familiar
from swarmlab.images import HistoryEntry, Image, ImageConfig


class CommitRequest(NamedTuple):
    """What a client asks for. Without a `config` the container's own is what `changes` start from."""

    container: str
    repository: str = ""
    tag: str = ""
    author: str = ""
    comment: str = ""
    pause: bool = True
    changes: Sequence[str] = ()
    config: ImageConfig | None = None


def commit(images: LocalImages, containers: Containers, request: CommitRequest) -> Image:
    """Make an image of a container's files and configuration. Raises EngineError."""
    if not request.container:
        raise bad_request('invalid name or ID supplied: ""')
    container = containers.find(request.container)
    own = config_of(container)
    name = checked_name(request.repository, request.tag) if request.repository else None
    text = familiar(name, request.repository, request.tag) if name is not None else ""
    # Nothing else happens in the meantime, but who watches a real engine sees it pause.
    paused = request.pause and container.state.status == "running"
    if paused:
        containers.publish("pause", container.id)
    try:
        config = merged(changed(own if request.config is None else request.config, request.changes), own)
        layer = containers.revive(container).layer()
        with images.layer(io.BytesIO(layer)) if layer else nullcontext() as kept:
            image = images.create(
                config,
                HistoryEntry(created_by=" ".join(container.cmd), comment=request.comment, author=request.author),
                parent=images.store.kept.find(container.image_id),
                layer=kept,
                author=request.author,
                comment=request.comment,
                container=container.id,
                container_config=own,
            )
        if name is not None:
            images.name(image, name, text)
        containers.publish(
            "commit",
            container.id,
            comment=request.comment,
            imageID=image.id,
            imageRef=text,
        )
    finally:
        if paused:
            containers.publish("unpause", container.id)
    return image
