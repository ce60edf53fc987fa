"""Environment variables of containers."""

from collections.abc import Sequence


def merged_env(image: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """The image's variables, those of one's own replacing them by name; one without `=` takes it away."""
    merged: dict[str, str] = {}
    for variable in (*image, *own):
        merged[variable.partition("=")[0]] = variable
    return tuple(variable for variable in merged.values() if "=" in variable)
