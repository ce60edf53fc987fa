"""What an image gives to a container's root file system: its files, and what stands in for those that cannot run."""

import posixpath
from collections.abc import Callable, Mapping

from swarmlab.images import Content, Image, beginning, is_binary, resolved, uses_busybox
from swarmlab.runtime.virtual.files.applets import Node, applets, hand_over, is_applet

#: Directories that every container has, and their modes.
DIRECTORIES: Mapping[str, int] = dict.fromkeys(
    (
        "/bin", "/dev", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/proc", "/run",
        "/sbin", "/srv", "/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/usr/local/lib",
        "/usr/local/sbin", "/usr/local/share", "/usr/sbin", "/usr/share", "/var",
        "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool",
    ),
    0o755,
) | {"/root": 0o700} | dict.fromkeys(("/tmp", "/var/tmp"), 0o1777)  # noqa: S108 (inside the container)  # fmt: skip


def runs_on_a_processor(content: Content) -> bool:
    """Whether a file is a program for a processor."""
    return is_binary(beginning(content))


def contents(image: Image, is_program: Callable[[Content], bool] = runs_on_a_processor) -> dict[str, Node]:
    """Everything that an image gives, by absolute path, each directory before what is in it.

    `is_program` is asked about every file of the image; by default it reads them all.
    """
    found: dict[str, Node] = {}

    def make(folder: str) -> None:
        if folder != "/" and folder not in found:
            make(posixpath.dirname(folder))
            found[folder] = Node("directory", 0o755)

    def put(path: str, node: Node) -> None:
        make(posixpath.dirname(path))
        found[path] = node

    for folder, mode in DIRECTORIES.items():
        found[folder] = Node("directory", mode)
    tree = image.tree()
    is_alpine = "/etc/alpine-release" in tree.files

    def put_file(path: str, node: Node) -> None:
        put(path, node._replace(modified=modified(image, path)))

    for path, node in applets(image.absent, is_busybox=uses_busybox(image.absent), is_alpine=is_alpine):
        if node.kind == "file":
            put_file(path, node)
        else:
            put(path, node)
    for folder, mode in sorted(tree.directories.items()):
        put(folder, Node("directory", mode))
    programs: dict[Content, str] = {}
    for path, source in tree.files.items():
        if not is_program(source):
            put_file(path, Node("file", tree.modes.get(path, 0o644), source))
        elif is_applet(path):
            # A program for a processor cannot run here, but the shell has one of that name.
            put_file(path, hand_over(posixpath.basename(path)))
        elif (first := programs.setdefault(source, path)) != path:
            # One file under hundreds of names, as BusyBox is.
            put(path, Node("link", target=first))
        else:
            put_file(path, Node("file", tree.modes.get(path, 0o755), source))
    for link, target in tree.links.items():
        if (there := found.get(link)) is not None and there.kind == "directory":
            _move(found, link, resolved(link, tree.links.get), make)
        if is_applet(link):
            put_file(link, hand_over(posixpath.basename(link)))
        else:
            put(link, Node("link", target=target))
    return found


def modified(image: Image, path: str) -> int:
    """When what an image has at a path was last modified, in Unix nanoseconds.

    What no layer tells of is as old as the image's first layer: so it is the same in all images that are made of one.
    """
    tree = image.tree()
    if path in tree.times:
        return tree.times[path]
    return image.history[0].created if image.history and path not in tree.directories else image.created


def _move(found: dict[str, Node], link: str, to: str, make: Callable[[str], None]) -> None:
    """What every container has in a directory that is a link in this image lies where it leads to."""
    for path in [path for path in found if path.startswith(f"{link}/")]:
        node, there = found.pop(path), to + path[len(link) :]
        make(posixpath.dirname(there))
        found.setdefault(there, node)
