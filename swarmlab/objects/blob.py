"""Secrets and configs (MB: api/types/swarm/{secret,config}.go)."""

from swarmlab.objects.base import Annotated_, Driver, Object


class BlobSpec(Annotated_, frozen=True):
    """A named piece of data; `data` is base64, as it travels."""

    data: str = ""
    driver: Driver | None = None
    templating: Driver | None = None


class Secret(Object, frozen=True):
    """A secret. Its data is in the store only; no answer of the API carries it."""

    spec: BlobSpec


class Config(Object, frozen=True):
    """A config."""

    spec: BlobSpec
