"""Dockerfile instructions that only change an image's configuration: `docker commit --change` and their like.

MB: builder/dockerfile/{builder,dispatchers}.go.
"""

import json
import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from swarmlab.images.base import ImageConfig
from swarmlab.objects.container import HealthConfig

_replace = msgspec.structs.replace
_SHELL = ("/bin/sh", "-c")
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.IGNORECASE)
_SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_FLAG = re.compile(r"--([\w-]+)=(\S+)\s*")


def apply(config: ImageConfig, lines: Iterable[str]) -> ImageConfig:
    """The configuration after these instructions. Raises ValueError with Docker's words."""
    for line in (part.strip() for text in lines for part in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        change = _CHANGES.get(word.lower())
        if change is None:
            raise ValueError(f"{word.lower()} is not a valid change command")
        if not rest.strip() and word.lower() not in {"cmd", "entrypoint"}:
            raise ValueError(f"{word.upper()} requires {_WANTS.get(word.lower(), 'exactly one argument')}")
        config = change(config, rest.strip())
    return config


def command(text: str, shell: Sequence[str] = ()) -> tuple[str, ...]:
    """A command of a Dockerfile: a JSON list, or else a line for the shell."""
    words = _words(text)
    if words is not None:
        return words
    return (*(shell or _SHELL), text) if text else ()


def pairs(text: str, instruction: str) -> list[tuple[str, str]]:
    """`A=1 B="two words"`, or the old form `A the rest`. Raises ValueError."""
    if "=" not in text.split(maxsplit=1)[0]:
        name, space, value = text.partition(" ")
        if not space:
            raise ValueError(f"{instruction} must have two arguments")
        return [(name, value.strip())]
    found = []
    for word in _split(text):
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"Syntax error - can't find = in {json.dumps(word)}. Must be of the form: name=value")
        if not name:
            raise ValueError(f"{instruction} names can not be blank")
        found.append((name, value))
    return found


def ports(text: str) -> list[str]:
    """The ports of an EXPOSE, each with its protocol. Raises ValueError."""
    found = []
    for word in text.split():
        match = _PORT.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if match is None or not 0 <= first <= last < 1 << 16:
            raise ValueError(f"Invalid containerPort: {word.partition('/')[0]}")
        found += [f"{port}/{(match[3] or 'tcp').lower()}" for port in range(first, last + 1)]
    return found


def _cmd(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, cmd=command(text, config.shell))


def _entrypoint(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, entrypoint=command(text, config.shell))


def _env(config: ImageConfig, text: str) -> ImageConfig:
    known = dict(variable.partition("=")[::2] for variable in config.env)
    known.update(pairs(text, "ENV"))
    return _replace(config, env=tuple(f"{name}={value}" for name, value in known.items()))


def _label(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, labels={**config.labels, **dict(pairs(text, "LABEL"))})


def _expose(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, exposed_ports=tuple(dict.fromkeys((*config.exposed_ports, *ports(text)))))


def _on_build(config: ImageConfig, text: str) -> ImageConfig:
    trigger = text.split(maxsplit=1)[0].upper()
    if trigger == "ONBUILD":
        raise ValueError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in {"FROM", "MAINTAINER"}:
        raise ValueError(f"{trigger} isn't allowed as an ONBUILD trigger")
    return _replace(config, on_build=(*config.on_build, text))


def _user(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, user=text)


def _volume(config: ImageConfig, text: str) -> ImageConfig:
    words = _words(text)
    added = words if words is not None else tuple(text.split())
    if not all(added):
        raise ValueError("VOLUME specified can not be an empty string")
    return _replace(config, volumes=tuple(dict.fromkeys((*config.volumes, *added))))


def _work_dir(config: ImageConfig, text: str) -> ImageConfig:
    return _replace(config, working_dir=posixpath.normpath(posixpath.join("/", config.working_dir, text)))


def _health(config: ImageConfig, text: str) -> ImageConfig:
    times: dict[str, Any] = {}
    while (flag := _FLAG.match(text)) is not None:
        name, value = flag[1], flag[2]
        if name not in _TIMES:
            raise ValueError(f"unknown flag: {name}")
        times[_TIMES[name]] = int(value) if name == "retries" else _duration(value)
        text = text[flag.end() :]
    kind, _, rest = text.partition(" ")
    if kind.upper() == "NONE":
        return _replace(config, healthcheck=HealthConfig(test=("NONE",)))
    if kind.upper() != "CMD":
        raise ValueError(f"Unknown type {json.dumps(kind.upper())} in HEALTHCHECK (try CMD)")
    if not rest.strip():
        raise ValueError("Missing command after HEALTHCHECK CMD")
    words = _words(rest.strip())
    test = ("CMD-SHELL", rest.strip()) if words is None else ("CMD", *words)
    return _replace(config, healthcheck=HealthConfig(test=test, **times))


_TIMES = {
    "interval": "interval",
    "timeout": "timeout",
    "start-period": "start_period",
    "start-interval": "start_interval",
    "retries": "retries",
}

#: The instructions that leave the files alone.
_CHANGES: Mapping[str, Callable[[ImageConfig, str], ImageConfig]] = {
    "cmd": _cmd,
    "entrypoint": _entrypoint,
    "env": _env,
    "expose": _expose,
    "healthcheck": _health,
    "label": _label,
    "onbuild": _on_build,
    "user": _user,
    "volume": _volume,
    "workdir": _work_dir,
}
_WANTS = dict.fromkeys(("env", "expose", "healthcheck", "label", "onbuild", "volume"), "at least one argument")


def _words(text: str) -> tuple[str, ...] | None:
    """A JSON list of strings; None for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        return None
    return tuple(found)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError("unexpected end of statement while looking for matching double-quote") from None


def _duration(text: str) -> int:
    """Nanoseconds."""
    pieces = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    if not pieces or "".join(number + unit for number, unit in pieces) != text:
        raise ValueError(f'time: invalid duration "{text}"')
    return int(sum(float(number) * _SECONDS[unit] for number, unit in pieces) * 1e9)
