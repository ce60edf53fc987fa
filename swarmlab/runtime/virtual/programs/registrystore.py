"""What a registry keeps, in the files in which Docker's keeps it (distribution: registry/storage/paths.go)."""

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
TAG = r"\w[\w.-]{0,127}"
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_CHUNK = 1 << 20


class Manifest(NamedTuple):
    """What describes an image: JSON of a media type."""

    digest: str
    media_type: str
    body: bytes


class RegistryStore:
    """Repositories, their tags and manifests, and blobs by digest. Names and tags are valid ones; raises OSError."""

    def __init__(self, folder: Path, admit: Callable[[int], None]) -> None:
        """`admit` is asked before so many bytes are written; it raises OSError."""
        self._blobs = folder / "docker/registry/v2/blobs/sha256"
        self._repositories = folder / "docker/registry/v2/repositories"
        self._admit = admit

    # --- looking ---------------------------------------------------------------------------------------------------

    def repositories(self) -> list[str]:
        """The names of all repositories that anything was pushed to."""
        found = self._repositories.rglob("_manifests") if self._repositories.is_dir() else ()
        return sorted(str(path.parent.relative_to(self._repositories)) for path in found)

    def tags(self, name: str) -> list[str] | None:
        """The tags of a repository; None when there is no such one."""
        manifests = self._repositories / name / "_manifests"
        if not manifests.is_dir():
            return None
        return sorted(path.parent.parent.name for path in (manifests / "tags").glob("*/current/link"))

    def manifest(self, name: str, reference: str) -> Manifest | None:
        """A manifest by tag or digest."""
        manifests = self._repositories / name / "_manifests"
        match = DIGEST.fullmatch(reference)
        link = manifests / (f"revisions/sha256/{match[1]}/link" if match else f"tags/{reference}/current/link")
        if not link.is_file():
            return None
        digest = link.read_text()
        if not (manifests / f"revisions/sha256/{digest[7:]}/link").is_file():
            # Deleted by its digest: no tag finds it any more.
            return None
        body = self._blob(digest).read_bytes()
        return Manifest(digest, str(json.loads(body).get("mediaType", "")), body)

    def blob(self, name: str, digest: str) -> Path | None:
        """The file of a blob that a repository has."""
        match = DIGEST.fullmatch(digest)
        if match is None or not (self._repositories / name / "_layers/sha256" / match[1] / "link").is_file():
            return None
        return self._blob(digest)

    # --- changing --------------------------------------------------------------------------------------------------

    def put_manifest(self, name: str, reference: str, body: bytes) -> str:
        """Keep a manifest, under a tag unless the reference is its digest; its digest."""
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        path = self._blob(digest)
        if not path.is_file():
            self._admit(len(body))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        manifests = self._repositories / name / "_manifests"
        links = [manifests / f"revisions/sha256/{digest[7:]}/link"]
        if not DIGEST.fullmatch(reference):
            tag = manifests / "tags" / reference
            links += [tag / f"index/sha256/{digest[7:]}/link", tag / "current/link"]
        for link in links:
            _write_link(link, digest)
        return digest

    def delete_manifest(self, name: str, digest: str) -> None:
        """Forget a manifest, and the tags that name it."""
        manifests = self._repositories / name / "_manifests"
        for current in (manifests / "tags").glob("*/current/link"):
            if current.read_text() == digest:
                shutil.rmtree(current.parent.parent)
        shutil.rmtree(manifests / f"revisions/sha256/{digest[7:]}")

    def delete_blob(self, name: str, digest: str) -> None:
        """A repository has a blob no more."""
        shutil.rmtree(self._repositories / name / "_layers/sha256" / digest[7:])

    def mount(self, name: str, digest: str, source: str) -> bool:
        """Let a repository have a blob of another one; False when that one has none."""
        if self.blob(source, digest) is None:
            return False
        self._link(name, digest)
        return True

    # --- uploads ---------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> str:
        """Begin to receive a blob; the number of the upload."""
        number = str(uuid.uuid4())
        upload = self._upload(name, number)
        upload.parent.mkdir(parents=True)
        upload.touch()
        return number

    def received(self, name: str, number: str) -> int | None:
        """The bytes that have come; None for an unknown upload."""
        with suppress(FileNotFoundError):
            return self._upload(name, number).stat().st_size
        return None

    def receive(self, name: str, number: str, data: bytes) -> None:
        """More bytes of a blob."""
        self._admit(len(data))
        with self._upload(name, number).open("ab") as file:
            file.write(data)

    def finish(self, name: str, number: str, digest: str) -> bool:
        """Keep what has come as a blob of a repository; False when it has another digest. Reads all of it."""
        upload = self._upload(name, number)
        found = hashlib.sha256()
        with upload.open("rb") as file:
            while data := file.read(_CHUNK):
                found.update(data)
        is_right = digest == f"sha256:{found.hexdigest()}"
        if is_right:
            path = self._blob(digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            upload.replace(path)
            self._link(name, digest)
        self.cancel(name, number)
        return is_right

    def cancel(self, name: str, number: str) -> None:
        """Forget an upload."""
        shutil.rmtree(self._upload(name, number).parent, ignore_errors=True)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _blob(self, digest: str) -> Path:
        return self._blobs / digest[7:9] / digest[7:] / "data"

    def _upload(self, name: str, number: str) -> Path:
        return self._repositories / name / "_uploads" / number / "data"

    def _link(self, name: str, digest: str) -> None:
        _write_link(self._repositories / name / "_layers/sha256" / digest[7:] / "link", digest)


def _write_link(path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(digest)
