"""Instructions that only change an image's configuration (MB: builder/dockerfile/dispatchers.go)."""

import json
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from swarmlab.images.base import ImageConfig
from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.images.dockerfile.health import health_config
from swarmlab.images.dockerfile.instructions import Instruction
from swarmlab.objects.container import HealthConfig

_replace = msgspec.structs.replace
DEFAULT_SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)
_PROTOCOLS = frozenset({"tcp", "udp", "sctp"})
_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "m"))


class Configuration:
    """A configuration on its way through a Dockerfile, and what is not part of it: the author."""

    def __init__(self, config: ImageConfig, author: str = "") -> None:
        self.config = config
        self.author = author
        self._cmd_set = False

    def command(self, instruction: Instruction) -> tuple[str, ...]:
        """The command of a RUN, CMD or ENTRYPOINT: what is no JSON list is a line for the shell."""
        if instruction.exec:
            return instruction.args
        return (*(self.config.shell or DEFAULT_SHELL), *instruction.args)

    def apply(self, instruction: Instruction) -> str:
        """Change the configuration; what the history says of it. Raises DockerfileError."""
        return _CHANGES[instruction.name](self, instruction)

    def _set(self, **fields: object) -> None:
        self.config = _replace(self.config, **fields)

    def _env(self, instruction: Instruction) -> str:
        known = dict(variable.partition("=")[::2] for variable in self.config.env)
        given = _pairs(instruction)
        known.update(given)
        self._set(env=tuple(f"{name}={value}" for name, value in known.items()))
        return " ".join(["ENV", *(f"{name}={value}" for name, value in given)])

    def _label(self, instruction: Instruction) -> str:
        given = _pairs(instruction)
        self._set(labels={**self.config.labels, **dict(given)})
        return " ".join(["LABEL", *(f"{name}={value}" for name, value in given)])

    def _cmd(self, instruction: Instruction) -> str:
        command = self.command(instruction)
        self._set(cmd=command)
        self._cmd_set = bool(instruction.args)
        return f"CMD {_quoted(command)}"

    def _entrypoint(self, instruction: Instruction) -> str:
        command = self.command(instruction) if instruction.args else ()
        self._set(entrypoint=command, cmd=self.config.cmd if self._cmd_set else ())
        return f"ENTRYPOINT {_quoted(command)}"

    def _expose(self, instruction: Instruction) -> str:
        self._set(exposed_ports=tuple(dict.fromkeys((*self.config.exposed_ports, *ports(instruction.args)))))
        return " ".join(["EXPOSE", *instruction.args])

    def _healthcheck(self, instruction: Instruction) -> str:
        health = health_config(instruction.args, instruction.flags, is_json=instruction.exec)
        self._set(healthcheck=health)
        return f"HEALTHCHECK {_shown(health)}"

    def _maintainer(self, instruction: Instruction) -> str:
        self.author = instruction.args[0]
        return f"MAINTAINER {self.author}"

    def _on_build(self, instruction: Instruction) -> str:
        expression = re.sub(r"(?i)^\s*ONBUILD\s*", "", instruction.original)
        self._set(on_build=(*self.config.on_build, expression))
        return f"ONBUILD {expression}"

    def _shell(self, instruction: Instruction) -> str:
        self._set(shell=instruction.args)
        return f"SHELL [{' '.join(instruction.args)}]"

    def _stop_signal(self, instruction: Instruction) -> str:
        self._set(stop_signal=instruction.args[0])
        return f"STOPSIGNAL {instruction.args[0]}"

    def _user(self, instruction: Instruction) -> str:
        self._set(user=instruction.args[0])
        return f"USER {instruction.args[0]}"

    def _volume(self, instruction: Instruction) -> str:
        if not all(instruction.args):
            raise DockerfileError("VOLUME specified can not be an empty string")
        self._set(volumes=tuple(dict.fromkeys((*self.config.volumes, *instruction.args))))
        return f"VOLUME [{' '.join(instruction.args)}]"

    def _work_dir(self, instruction: Instruction) -> str:
        if not instruction.args[0]:
            raise DockerfileError("cannot normalize nothing")
        path = posixpath.join("/", self.config.working_dir, instruction.args[0])
        self._set(working_dir="/" + posixpath.normpath(path).lstrip("/"))
        return f"WORKDIR {self.config.working_dir}"


_CHANGES: Mapping[str, Callable[[Configuration, Instruction], str]] = {
    "cmd": Configuration._cmd,
    "entrypoint": Configuration._entrypoint,
    "env": Configuration._env,
    "expose": Configuration._expose,
    "healthcheck": Configuration._healthcheck,
    "label": Configuration._label,
    "maintainer": Configuration._maintainer,
    "onbuild": Configuration._on_build,
    "shell": Configuration._shell,
    "stopsignal": Configuration._stop_signal,
    "user": Configuration._user,
    "volume": Configuration._volume,
    "workdir": Configuration._work_dir,
}


def ports(words: Sequence[str]) -> list[str]:
    """The ports of an EXPOSE, each with its protocol. Raises DockerfileError."""
    found = []
    for word in words:
        numbers, slash, protocol = word.partition("/")
        protocol = protocol.lower() if slash else "tcp"
        match = _PORT.fullmatch(numbers)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 0 <= first <= last < 1 << 16:
            raise DockerfileError(f"Invalid containerPort: {numbers}")
        if protocol not in _PROTOCOLS:
            raise DockerfileError(f"Invalid proto: {protocol}")
        found += [f"{port}/{protocol}" for port in range(first, last + 1)]
    return found


def _pairs(instruction: Instruction) -> list[tuple[str, str]]:
    return list(zip(instruction.args[::2], instruction.args[1::2], strict=True))


def _quoted(words: Sequence[str]) -> str:
    """Words as Go shows them with `%q`."""
    return f"[{' '.join(json.dumps(word, ensure_ascii=False) for word in words)}]"


def _shown(health: HealthConfig) -> str:
    """A health check as Go shows it with `%q`."""
    durations = [health.interval, health.timeout, health.start_period]
    durations += [health.start_interval] if health.start_interval else []
    retries = repr(chr(health.retries)) if health.retries < 0x110000 else "'\ufffd'"
    return "&{" + " ".join([_quoted(health.test), *(f'"{_duration(each)}"' for each in durations), retries]) + "}"


def _duration(nanoseconds: int) -> str:
    """A duration as Go prints it."""
    shown = ""
    for size, unit in _UNITS:
        if nanoseconds >= size or shown:
            shown += f"{nanoseconds // size}{unit}"
            nanoseconds %= size
    if nanoseconds >= 10**9 or shown or not nanoseconds:
        return f"{shown}{nanoseconds / 10**9:.9f}".rstrip("0").rstrip(".") + "s"
    size, unit = (10**6, "ms") if nanoseconds >= 10**6 else (10**3, "µs") if nanoseconds >= 10**3 else (1, "ns")
    return f"{nanoseconds / size:.9f}".rstrip("0").rstrip(".") + unit
