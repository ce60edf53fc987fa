"""Source packages from the Python package index, fetched by pip once and kept in the checkout's `.cache`."""

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest

_CACHE = Path(__file__).parents[2] / ".cache" / "clients"


class Source(NamedTuple):
    """A release on the index: its file is `NAME-VERSION.tar.gz`."""

    name: str
    version: str
    sha256: str

    @property
    def stem(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}"


def unpacked(source: Source) -> Path:
    """The folder with the package's files. Skips the test, with the reason, when it cannot be had."""
    folder = _CACHE / source.stem
    if not folder.exists():
        archive = _fetched(source)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != source.sha256:
            raise ValueError(f"{archive} is not what it was: {found}")
        aside = _CACHE / f"{source.stem}.new"
        with tarfile.open(archive) as tar:
            # Debian 12's Python knows no filters yet.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(aside)
        (aside / source.stem).rename(folder)
        aside.rmdir()
    return folder


def _fetched(source: Source) -> Path:
    archive = _CACHE / f"{source.stem}.tar.gz"
    if not archive.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--no-deps"]
        wanted = f"{source.name}=={source.version}"
        done = subprocess.run(
            [*pip, "--no-binary", source.name, "--dest", str(_CACHE), wanted],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if not archive.exists():
            pytest.skip(f"pip does not get {wanted}: {(done.stderr.strip() or 'no such file').splitlines()[-1]}")
    return archive
