"""Environment variables of containers."""

from collections.abc import Sequence


def merged_env(image: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """One's own variables, then those of the image with other names (MB: daemon/commit.go, merge).

    One without `=` stays in the list, and takes the variable away from programs.
    """
    names = {variable.partition("=")[0] for variable in own}
    return (*own, *(variable for variable in image if variable.partition("=")[0] not in names))
