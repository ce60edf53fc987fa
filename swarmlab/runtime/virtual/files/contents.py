"""What an image gives to a container's root file system: its files, and what stands in for those that cannot run."""

import posixpath
from collections.abc import Callable, Mapping

from swarmlab.images import Content, Image, beginning, is_binary, resolved, uses_busybox
from swarmlab.runtime.virtual.files.applets import Node, applets, hand_over, is_applet, lacking

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


#: Those that the engine makes in an image of which everything is known.
_NEEDED = ("/dev", "/etc", "/proc", "/sys")


def absent(image: Image) -> frozenset[str]:
    """The commands that the shell has and an image has not: one from elsewhere that has a shell has all it shows."""
    tree = image.tree() if image.foreign else None
    return image.absent if tree is None else lacking({**tree.files, **tree.links})


def runs_on_a_processor(content: Content) -> bool:
    """Whether a file is a program for a processor."""
    return is_binary(beginning(content))


def contents(image: Image, is_program: Callable[[Content], bool] = runs_on_a_processor) -> dict[str, Node]:
    """Everything that an image gives, by absolute path, each directory before what is in it.

    `is_program` is asked about every file of the image; by default it reads them all.
    """
    made = _Contents(image)
    made.add_directories()
    made.add_files(is_program)
    made.add_links()
    # What the engine puts beneath every container (MB: daemon/initlayer).
    made.found.setdefault("/etc/mtab", Node("link", target="/proc/mounts"))
    return made.found


class _Contents:
    """What is found so far, by absolute path."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._tree = image.tree()
        missing = absent(image)
        is_whole = image.foreign and bool(missing)
        folders = _NEEDED if is_whole else DIRECTORIES
        self.found: dict[str, Node] = {folder: Node("directory", DIRECTORIES[folder]) for folder in folders}
        is_alpine = "/etc/alpine-release" in self._tree.files
        if not is_whole:
            for path, node in applets(missing, is_busybox=uses_busybox(missing), is_alpine=is_alpine):
                self._put(path, node)

    def add_directories(self) -> None:
        for folder, mode in sorted(self._tree.directories.items()):
            self._put(folder, Node("directory", mode))

    def add_files(self, is_program: Callable[[Content], bool]) -> None:
        programs: dict[Content, str] = {}
        modes = self._tree.modes
        for path, source in self._tree.files.items():
            if not is_program(source):
                self._put(path, Node("file", modes.get(path, 0o644), source))
            elif is_applet(path):
                # A program for a processor cannot run here, but the shell has one of that name.
                self._put(path, hand_over(posixpath.basename(path)))
            elif (first := programs.setdefault(source, path)) != path:
                # One file under hundreds of names, as BusyBox is.
                self._put(path, Node("link", target=first))
            else:
                self._put(path, Node("file", modes.get(path, 0o755), source))

    def add_links(self) -> None:
        for link, target in self._tree.links.items():
            if (there := self.found.get(link)) is not None and there.kind == "directory":
                self._move(link, resolved(link, self._tree.links.get))
            self._put(link, hand_over(posixpath.basename(link)) if is_applet(link) else Node("link", target=target))

    def _put(self, path: str, node: Node) -> None:
        self._make(posixpath.dirname(path))
        self.found[path] = node._replace(modified=modified(self._image, path)) if node.kind == "file" else node

    def _make(self, folder: str) -> None:
        if folder != "/" and folder not in self.found:
            self._make(posixpath.dirname(folder))
            self.found[folder] = Node("directory", 0o755)

    def _move(self, link: str, to: str) -> None:
        """What every container has in a directory that is a link in this image lies where it leads to."""
        for path in [path for path in self.found if path.startswith(f"{link}/")]:
            node, there = self.found.pop(path), to + path[len(link) :]
            self._make(posixpath.dirname(there))
            self.found.setdefault(there, node)


def modified(image: Image, path: str) -> int:
    """When what an image has at a path was last modified, in Unix nanoseconds.

    What no layer tells of is as old as the image's first layer: so it is the same in all images that are made of one.
    """
    tree = image.tree()
    if path in tree.times:
        return tree.times[path]
    return image.history[0].created if image.history and path not in tree.directories else image.created
