"""The virtual runtime of one engine."""

import asyncio
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swarmlab.clock import Clock
from swarmlab.images import Image, Images
from swarmlab.network import Exchange, Fabric
from swarmlab.runtime.base import ContainerConfig, File
from swarmlab.runtime.virtual.container import VirtualContainer
from swarmlab.runtime.virtual.files import stackguard
from swarmlab.runtime.virtual.files.applets import BIN
from swarmlab.runtime.virtual.files.contents import absent
from swarmlab.runtime.virtual.files.files import RootFs
from swarmlab.runtime.virtual.files.foreignfs import file_system
from swarmlab.runtime.virtual.files.memoryguard import MemoryGuard
from swarmlab.runtime.virtual.files.mounttable import mount_table
from swarmlab.runtime.virtual.files.private import private_folder, remove_private_folders
from swarmlab.runtime.virtual.files.procfs import ProcFiles
from swarmlab.runtime.virtual.files.quota import Quota
from swarmlab.runtime.virtual.files.roots import Roots
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.processes.leftovers import GONE
from swarmlab.runtime.virtual.processes.process import ProcessHost

#: What is there until the engine has put the container on its networks.
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t{}\n"


class VirtualRuntime:
    """Creates virtual containers. See `Runtime`."""

    def __init__(
        self,
        clock: Clock,
        images: Images,
        state: Path,
        fabric: Fabric | None = None,
        roots: Roots | None = None,
        quota: Quota | None = None,
    ) -> None:
        """`state` is a directory of this engine's own; processes that an earlier life left behind there are killed.

        `fabric` has the networks that containers are on, `roots` the files of images, `quota` says how much containers
        may write: all for all engines of a lab.
        """
        stackguard.prepare()
        self._clock = clock
        self._images = images
        self._state = state
        self._fabric = fabric or Fabric()
        self._roots = roots or Roots(state / "roots")
        self._quota = quota or Quota((state,))
        self._exchange = Exchange(clock, self._fabric.sandbox)
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._processes = ProcessHost(state, self._quota)
        self._containers: set[VirtualContainer] = set()
        self._machines: dict[str, Machine] = {}
        self._guard = MemoryGuard(self._running_machines)
        self._background: set[asyncio.Future[None]] = set()
        #: The image that was last to be made ready.
        self._prepared = ""

    def create(self, config: ContainerConfig) -> VirtualContainer:
        """See `Runtime.create`."""
        if (image := self._images.find(config.image)) is None:
            raise KeyError(config.image)
        directory = self._state / config.id
        identity = (
            # Scripts look at it to know that they are in a container.
            File("/.dockerenv", b"", mode=0o755),
            File("/etc/hostname", f"{config.hostname}\n".encode(), mode=0o644),
            File("/etc/hosts", _HOSTS.format(config.hostname).encode(), mode=0o644),
            File("/etc/resolv.conf", b"nameserver 127.0.0.11\noptions ndots:0\n", mode=0o644),
        )
        machine = Machine(
            container_id=config.id,
            hostname=config.hostname,
            clock=self._clock,
            root=RootFs(
                image,
                config.files,
                directory,
                roots=self._roots,
                private=lambda: private_folder(self._state),
                identity=identity,
                mounts=config.mounts,
                read_only=config.read_only,
                working_dir=config.working_dir,
                quota=self._quota,
            ),
            directory=directory,
            processes=self._processes,
            absent=absent(image),
            sandboxes=lambda: self._fabric.sandbox(config.id),
            exchange=lambda: self._exchange.admit(config.id),
            memory=config.memory,
            mounts=mount_table(config, image),
            ulimits=config.ulimits,
            sysctls=config.sysctls,
        )

        machine.begun = self._guard.start
        machine.root.make_proc = lambda: file_system(ProcFiles(machine))

        def forget() -> None:
            self._remove(directory)
            self._containers.discard(container)
            self._machines.pop(config.id, None)
            self._exchange.dismiss(config.id)
            self._fabric.forget(config.id)

        container = VirtualContainer(config, machine, self._clock, forget)
        self._containers.add(container)
        self._machines[config.id] = machine
        return container

    def _running_machines(self) -> list[Machine]:
        return [machine for machine in self._machines.values() if machine.running]

    def prepare(self, image: Image) -> None:
        """See `Runtime.prepare`."""
        self._prepared = image.id
        self._in_background(self._make_ready, image)

    def _make_ready(self, image: Image) -> None:
        """Only Python needs all of a container's files on disk."""
        tree = image.tree()
        if any(f"{directory}/python" in part for directory in BIN for part in (tree.files, tree.links)):
            self._roots.prepare(image)
            if self._prepared == image.id:
                # A build makes image after image; containers come of the last.
                self._roots.spare(image)

    def _in_background(self, work: Callable[..., None], *arguments: Any) -> None:
        task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Future[None]") -> None:
        self._background.discard(task)
        if not task.cancelled():
            # Whoever needs what could not be done meets the same error.
            task.exception()

    def _remove(self, directory: Path) -> None:
        """Remove a container's directory, which may have thousands of files: its name is free at once."""
        aside = directory.with_name(f"{secrets.token_hex(8)}{GONE}")
        try:
            directory.rename(aside)
        except FileNotFoundError:
            return
        self._in_background(shutil.rmtree, aside, True)

    async def close(self) -> None:
        """See `Runtime.close`."""
        await asyncio.gather(*(container.remove() for container in tuple(self._containers)))
        await asyncio.gather(*self._background, return_exceptions=True)
        self._guard.stop()
        await self._processes.close()
        remove_private_folders(self._state)
        await self._exchange.close()
