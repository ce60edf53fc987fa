"""Where fetched commands are kept."""

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str]) -> Path | None:
    """swarmlab/ in XDG_CACHE_HOME, else in ~/.cache; None when neither is known."""
    if base := environ.get("XDG_CACHE_HOME"):
        return Path(base) / "swarmlab"
    if home := environ.get("HOME"):
        return Path(home) / ".cache" / "swarmlab"
    return None
