"""Environment variables of containers."""

from collections.abc import Sequence


def merged_env(image: Sequence[str], own: Sequence[str]) -> tuple[str, ...]:
    """One's own variables, then those of the image's that they do not replace; one without `=` takes it away."""
    merged = {variable.partition("=")[0]: variable for variable in own}
    for variable in image:
        merged.setdefault(variable.partition("=")[0], variable)
    return tuple(variable for variable in merged.values() if "=" in variable)
