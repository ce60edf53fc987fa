"""The files of an image as a file system in memory."""

import posixpath
from collections.abc import Iterable, Mapping
from contextlib import suppress

from bashkit import FileSystem

from swarmlab.images import Image
from swarmlab.runtime.base import File
from swarmlab.runtime.virtual.files.contents import contents


def build(image: Image, extra: Mapping[str, File]) -> FileSystem:
    """What an image has, and what the engine puts in, by path."""
    fs = FileSystem()
    # It comes with somebody's.
    fs.remove("/home", recursive=True)

    def write(path: str, data: bytes, mode: int) -> None:
        # A file that is too large for the shell's file system, or one too many, is left out.
        with suppress(RuntimeError):
            fs.write_file(path, data)
            fs.chmod(path, mode)

    for path, node in contents(image).items():
        if node.kind == "directory":
            fs.mkdir(path, recursive=True)
            if node.mode != 0o755:
                fs.chmod(path, node.mode)
        elif path in extra:
            continue
        elif node.content is not None:
            write(path, node.content.read_bytes(), node.mode)
        else:
            if fs.exists(path):
                # A directory that every file system in memory has.
                fs.remove(path, recursive=True)
            fs.symlink(node.target, path)
    for path, file in extra.items():
        fs.mkdir(posixpath.dirname(path), recursive=True)
        write(path, file.data, file.mode)
    return fs


def walk(fs: FileSystem, path: str) -> Iterable[str]:
    """Every file at or below a path."""
    if not fs.exists(path):
        return
    if fs.stat(path)["file_type"] != "directory":
        yield path
        return
    for entry in fs.read_dir(path):
        yield from walk(fs, posixpath.join(path, entry["name"]))
