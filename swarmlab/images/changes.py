"""`docker commit --change` and its like: instructions outside of a Dockerfile (MB: builder/dockerfile/builder.go)."""

from collections.abc import Iterable

from swarmlab.images.base import ImageConfig
from swarmlab.images.dockerfile import Configuration, parse_changes

_VALID = frozenset(
    {"cmd", "entrypoint", "healthcheck", "env", "expose", "label", "onbuild", "user", "volume", "workdir"}
)
_ESCAPE = "\\"


def apply(config: ImageConfig, lines: Iterable[str]) -> ImageConfig:
    """The configuration after these instructions. Raises ValueError with Docker's words."""
    if not (given := tuple(lines)):
        return config
    text = "\n".join(given)
    if not text.strip():
        raise ValueError("file with no instructions")
    found = Configuration(config)
    for instruction in parse_changes(text, _VALID):
        variables = dict(variable.partition("=")[::2] for variable in found.config.env)
        found.apply(instruction.expanded(variables, _ESCAPE))
    return found.config
