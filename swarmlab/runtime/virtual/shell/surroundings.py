"""Commands of a container as they run in it: with which variables, as whom, and by which names they are seen."""

import contextlib
from collections.abc import Sequence

from swarmlab.runtime.base import ContainerConfig
from swarmlab.runtime.virtual.files.access import User
from swarmlab.runtime.virtual.machine import Machine
from swarmlab.runtime.virtual.programs import TITLES
from swarmlab.runtime.virtual.shell.invocation import Invocation


class Surroundings:
    """What a container's configuration gives to its commands."""

    def __init__(self, machine: Machine, config: ContainerConfig) -> None:
        self._machine = machine
        self._config = config
        #: Variables that come before the container's own.
        self.around: Sequence[str] = ()

    def shown(self, invocation: Invocation) -> list[tuple[str, str]]:
        """Users and titles of the processes of the main program."""
        command = " ".join(self._config.command)
        titles = self._titles(invocation)
        return [(self._owner(name, invocation.user), title.format(command)) for name, title in titles]

    def invocation(
        self, command: Sequence[str], env: Sequence[str] = (), working_dir: str = "", user: str = "", *, tty: bool
    ) -> Invocation:
        """A command with its variables, directory and user.

        Raises LookupError for an unknown user, StartError (without the text before `exec:`) when there is no program.
        """
        who = self._machine.users.find(user or self._config.user, self._config.groups)
        # The order is Docker's (MB: container.CreateDaemonEnvironment); runc adds HOME.
        given = [item for item in (*self._config.env, *env) if item.startswith("PATH=")]
        variables = {"PATH": given[-1].removeprefix("PATH=")} if given else {}
        variables["HOSTNAME"] = self._config.hostname
        if tty:
            variables["TERM"] = "xterm"
        for item in (*self.around, *self._config.env, *env):
            name, separator, value = item.partition("=")
            if separator:
                variables[name] = value
            else:
                variables.pop(name, None)
        variables.setdefault("HOME", who.home)
        cwd = working_dir or self._config.working_dir or "/"
        return Invocation(self._machine, command, env=variables, cwd=cwd, user=who)

    def _titles(self, invocation: Invocation) -> Sequence[tuple[str, str]]:
        """Who the processes of the main program run as, and what they are called; `{}` stands for its command line."""
        titles = TITLES.get(invocation.argv[0], (("", "{}"),))
        return (("", "/sbin/docker-init -- {}"), *titles) if self._config.init else titles

    def _owner(self, name: str, user: User) -> str:
        """Who a process runs as that becomes another user if it may."""
        if name and not user.uid:
            with contextlib.suppress(LookupError):
                return self._machine.users.find(name).name
        return user.name

    def on_machine(self, name: str) -> str:
        """A user of the container as the machine, which knows root only, calls him."""
        with contextlib.suppress(LookupError):
            uid = self._machine.users.find(name).uid
            return str(uid) if uid else name
        return name
