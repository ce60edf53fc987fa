"""What is mounted in a container, as the kernel would list it.

The order is runc's: its own mounts, then Docker's by the depth of their paths (MB: daemon/oci_linux.go).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from swarmlab.images import Image
from swarmlab.images.overlay2 import ROOT, layer_name, short_link
from swarmlab.runtime.base import ContainerConfig, File, Mount


class MountEntry(NamedTuple):
    """One line of /proc/mounts."""

    device: str
    target: str
    kind: str
    options: str


_STRICT = "nosuid,nodev,noexec,relatime"
#: A disk of the machine that a container's directories and files are on: some disk.
_DISK = "/dev/vda1"
_FIRST = (
    MountEntry("proc", "/proc", "proc", f"rw,{_STRICT}"),
    MountEntry("tmpfs", "/dev", "tmpfs", "rw,nosuid,size=65536k,mode=755"),
    MountEntry("devpts", "/dev/pts", "devpts", "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666"),
    MountEntry("sysfs", "/sys", "sysfs", f"ro,{_STRICT}"),
    MountEntry("cgroup", "/sys/fs/cgroup", "cgroup2", f"ro,{_STRICT}"),
    MountEntry("mqueue", "/dev/mqueue", "mqueue", f"rw,{_STRICT}"),
    MountEntry("shm", "/dev/shm", "tmpfs", f"rw,{_STRICT},size=65536k"),  # noqa: S108  (a text)
)
_CONSOLE = MountEntry("devpts", "/dev/console", "devpts", "rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666")
#: What containers may not see, or not write.
_MASKS = (
    *(MountEntry("proc", f"/proc/{name}", "proc", f"ro,{_STRICT}") for name in ("bus", "fs", "irq", "sys")),
    MountEntry("tmpfs", "/proc/acpi", "tmpfs", "ro,relatime"),
    MountEntry("tmpfs", "/proc/keys", "tmpfs", "rw,nosuid,size=65536k,mode=755"),
    MountEntry("tmpfs", "/proc/timer_list", "tmpfs", "rw,nosuid,size=65536k,mode=755"),
    MountEntry("tmpfs", "/sys/firmware", "tmpfs", "ro,relatime"),
)
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts")


def mount_table(config: ContainerConfig, image: Image) -> Sequence[MountEntry]:
    """Everything that is mounted in a container."""
    own = (
        *(_mounted(mount) for mount in config.mounts),
        *(_on_disk(path, read_only=config.read_only) for path in _NETWORK_FILES),
        # Secrets and configs alike are files of a tmpfs on the node.
        *(MountEntry("tmpfs", file.path, "tmpfs", "ro,relatime") for file in _secrets_first(config)),
    )
    console = (_CONSOLE,) if config.tty else ()
    return (_root(config, image), *_FIRST, *sorted(own, key=lambda entry: entry.target.count("/")), *console, *_MASKS)


def _secrets_first(config: ContainerConfig) -> Iterable[File]:
    return sorted(config.files, key=lambda file: not file.secret)


def _root(config: ContainerConfig, image: Image) -> MountEntry:
    own = layer_name(config.id)
    below = [f"{own}-init", *reversed([layer_name(image.id, layer) for layer in image.layers])]
    folder = f"{ROOT}/{own}"
    lower = ":".join(short_link(layer) for layer in below)
    options = f"lowerdir={lower},upperdir={folder}/diff,workdir={folder}/work"
    return MountEntry("overlay", "/", "overlay", f"{_access(config.read_only)},relatime,{options}")


def _mounted(mount: Mount) -> MountEntry:
    if mount.source is not None:
        return _on_disk(mount.target, read_only=mount.read_only)
    extra = "".join(f",{option}" for option in mount.options)
    return MountEntry("tmpfs", mount.target, "tmpfs", f"{_access(mount.read_only)},{_STRICT}{extra}")


def _on_disk(target: str, *, read_only: bool) -> MountEntry:
    return MountEntry(_DISK, target, "ext4", f"{_access(read_only)},relatime")


def _access(read_only: bool) -> str:
    return "ro" if read_only else "rw"
