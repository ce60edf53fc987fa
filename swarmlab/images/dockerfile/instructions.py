"""What the lines of a Dockerfile say (BK: frontend/dockerfile: instructions/parse.go, parser/line_parsers.go)."""

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.images.dockerfile.health import health_config
from swarmlab.images.dockerfile.lines import Line, flag_values, read_lines
from swarmlab.images.dockerfile.words import expand, expand_words, split_words

_SPACE = re.compile(r"[\t\v\f\r ]+")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
#: Bytes of a Dockerfile.
_MAX_SIZE = 4 << 20


class Instruction(NamedTuple):
    """One instruction: its `name` in lower case, arguments and flags.

    Arguments of `env` and `label` are names and values in turn, those of `healthcheck` begin with its kind. `exec` is
    whether they were a JSON list. `original` is the text as somebody wrote it. A `verbatim` one has no variables.
    """

    name: str
    args: tuple[str, ...]
    flags: Mapping[str, str]
    exec: bool
    original: str
    verbatim: bool = False

    def expanded(self, variables: Mapping[str, str], escape: str) -> "Instruction":
        """The same with its variables replaced, if it has any. Raises DockerfileError."""
        if self.name == "expose":
            # The only one whose variables may be several words.
            return self._replace(args=tuple(w for word in self.args for w in expand_words(word, variables, escape)))
        if self.name not in _EXPANDED or self.verbatim:
            return self
        flags = {k: expand(v, variables, escape) if k == "chown" else v for k, v in self.flags.items()}
        return self._replace(args=tuple(expand(word, variables, escape) for word in self.args), flags=flags)


class Stage(NamedTuple):
    """What one FROM begins. `name` is in lower case, empty for none."""

    base: str
    name: str
    original: str
    instructions: tuple[Instruction, ...]


class Dockerfile(NamedTuple):
    """A whole Dockerfile. `arguments` are the ARGs before its first stage."""

    arguments: Sequence[Instruction]
    stages: Sequence[Stage]
    escape: str
    warnings: str

    def up_to(self, target: str) -> "Dockerfile":
        """Only what leads to a stage, by name. Raises DockerfileError."""
        for number, stage in enumerate(self.stages):
            if stage.name and stage.name == target.lower():
                return self._replace(stages=self.stages[: number + 1])
        raise DockerfileError(f"failed to reach build target {target} in Dockerfile")

    def labelled(self, labels: Mapping[str, str]) -> "Dockerfile":
        """With these labels, as instructions at its end."""
        if not labels or not self.stages:
            return self
        last = self.stages[-1]
        added = (
            Instruction("label", (name, value), {}, False, f"LABEL {name}={value}", verbatim=True)
            for name, value in sorted(labels.items())
        )
        return self._replace(stages=[*self.stages[:-1], last._replace(instructions=(*last.instructions, *added))])


def parse(data: bytes, name: str) -> Dockerfile:
    """Read the Dockerfile of this name. Raises DockerfileError."""
    if not data:
        raise DockerfileError(f"the Dockerfile ({name}) cannot be empty")
    if len(data) > _MAX_SIZE:
        raise DockerfileError(f"failed to parse {name}: more than {_MAX_SIZE} bytes")
    try:
        lines = read_lines(data.decode("utf-8", "replace"))
        taken_apart = [(line, *_arguments(line, lines.escape)) for line in lines.lines]
    except DockerfileError as error:
        raise DockerfileError(f"failed to parse {name}: {error.reason}") from None
    arguments: list[Instruction] = []
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for line, args, is_json in taken_apart:
        try:
            instruction = _instruction(line, args, is_json)
        except DockerfileError as error:
            raise DockerfileError(error.reason, line.number) from None
        if instruction.name == "from":
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif instruction.name == "arg":
            arguments.append(instruction)
        else:
            raise DockerfileError("no build stage in current context")
    return Dockerfile(arguments, [_stage(*stage) for stage in stages], lines.escape, lines.warnings)


def parse_trigger(text: str) -> Instruction:
    """What an image's ONBUILD asks for. Raises DockerfileError."""
    lines = read_lines(text).lines
    if len(lines) != 1:
        raise DockerfileError("onbuild trigger should be a single expression")
    return _instruction(lines[0], *_arguments(lines[0], "\\"))


def parse_changes(text: str, valid: Container[str]) -> list[Instruction]:
    """Instructions outside of a Dockerfile, if they are valid there. Raises DockerfileError."""
    lines = read_lines(text)
    taken_apart = [(line, *_arguments(line, lines.escape)) for line in lines.lines]
    for line, *_ in taken_apart:
        if line.word not in valid:
            raise DockerfileError(f"{line.word} is not a valid change command")
    return [_instruction(*parts) for parts in taken_apart]


def json_words(text: str) -> tuple[str, ...] | None:
    """A JSON list of strings at the beginning of a text; None for anything else. Raises DockerfileError."""
    try:
        found, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    if not all(isinstance(word, str) for word in found):
        raise DockerfileError("when using JSON array syntax, arrays must be comprised of strings only")
    return tuple(found)


def _arguments(line: Line, escape: str) -> tuple[tuple[str, ...], bool]:
    """What follows the word and the flags, and whether it was JSON. Raises DockerfileError."""
    return _PARSERS.get(line.word, _nothing)(line.rest, escape)


def _nothing(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return (), False


def _text(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return ((text,) if text else ()), False


def _words(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return (tuple(_SPACE.split(text)) if text else ()), False


def _quoted_words(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    return tuple(split_words(text, escape)), False


def _json_or_text(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    found = json_words(text)
    return _text(text, escape) if found is None else (found, True)


def _json_or_words(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    found = json_words(text)
    return _words(text, escape) if found is None else (found, True)


def _health(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    kind, *rest = text.split(maxsplit=1) or [""]
    found, is_json = _json_or_text(rest[0] if rest else "", escape)
    return ((kind, *found) if kind else ()), is_json


def _pairs(word: str) -> Callable[[str, str], tuple[tuple[str, ...], bool]]:
    """`A=1 B="two words"`, or the old form `A the rest`."""

    def parser(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
        words = split_words(text, escape)
        if not words:
            return (), False
        if "=" not in words[0]:
            parts = _SPACE.split(text, maxsplit=1)
            if len(parts) < 2:
                raise DockerfileError(f"{word} must have two arguments")
            return tuple(parts), False
        found: list[str] = []
        for pair in words:
            name, equals, value = pair.partition("=")
            if not equals:
                shown = json.dumps(pair, ensure_ascii=False)
                raise DockerfileError(f"Syntax error - can't find = in {shown}. Must be of the form: name=value")
            found += (name, value)
        return tuple(found), False

    return parser


def _on_build(text: str, escape: str) -> tuple[tuple[str, ...], bool]:
    """The word of the instruction within, and its arguments."""
    if not text:
        return (), False
    (inner,) = read_lines(text).lines
    args, _ = _arguments(inner, escape)
    return (inner.word, *args), False


_PARSERS: Mapping[str, Callable[[str, str], tuple[tuple[str, ...], bool]]] = {
    "add": _json_or_words,
    "arg": _quoted_words,
    "cmd": _json_or_text,
    "copy": _json_or_words,
    "entrypoint": _json_or_text,
    "env": _pairs("ENV"),
    "expose": _words,
    "from": _words,
    "healthcheck": _health,
    "label": _pairs("LABEL"),
    "maintainer": _text,
    "onbuild": _on_build,
    "run": _json_or_text,
    "shell": _json_or_text,
    "stopsignal": _text,
    "user": _text,
    "volume": _json_or_words,
    "workdir": _text,
}

_EXPANDED = frozenset({"env", "label", "add", "copy", "workdir", "user", "volume", "stopsignal", "arg"})
_ONE = frozenset({"maintainer", "stopsignal", "user", "workdir"})
_SOME = frozenset({"arg", "env", "expose", "healthcheck", "label", "onbuild", "volume"})
_FLAGS: Mapping[str, Sequence[str]] = {
    "add": ("chown", "chmod"),
    "copy": ("chown", "from", "chmod"),
    "from": ("platform",),
    "healthcheck": ("interval", "timeout", "start-period", "start-interval", "retries"),
    # Known, to be refused when the instruction is reached.
    "run": ("mount",),
}


def _instruction(line: Line, args: tuple[str, ...], is_json: bool) -> Instruction:
    """Check what any instruction must have. Raises DockerfileError."""
    word = line.word.upper()
    if line.word not in _PARSERS:
        raise DockerfileError(f"unknown instruction: {word}")
    if line.word in _ONE and len(args) != 1:
        raise DockerfileError(f"{word} requires exactly one argument")
    if line.word in _SOME and not args:
        raise DockerfileError(f"{word} requires at least one argument")
    if line.word in {"add", "copy"} and len(args) < 2:
        raise DockerfileError(
            f"{word} requires at least two arguments, but only one was provided. Destination could not be determined"
        )
    if line.word == "from":
        _check_stage(args)
    flags = flag_values(line.flags, _FLAGS.get(line.word, ()))
    if line.word == "expose":
        args = tuple(sorted(args))
    if line.word == "volume":
        args = tuple(path.strip() for path in args)
    instruction = Instruction(line.word, args, flags, is_json, line.original)
    check = _CHECKS.get(line.word)
    if check is not None:
        check(instruction)
    return instruction


def _check_stage(args: Sequence[str]) -> None:
    if len(args) == 3 and args[1].lower() == "as":
        if not _STAGE_NAME.fullmatch(args[2].lower()):
            raise DockerfileError(
                f'invalid name for build stage: "{args[2]}", name can\'t start with a number or contain symbols'
            )
    elif len(args) != 1:
        raise DockerfileError("FROM requires either one or three arguments")


def _check_names(instruction: Instruction) -> None:
    names = instruction.args if instruction.name == "arg" else instruction.args[::2]
    if any(not name or name.startswith("=") for name in names):
        raise DockerfileError(f"{instruction.name.upper()} names can not be blank")


def _check_shell(instruction: Instruction) -> None:
    if not instruction.args:
        raise DockerfileError("SHELL requires at least one argument")
    if not instruction.exec:
        raise DockerfileError("SHELL requires the arguments to be in JSON form")


def _check_volumes(instruction: Instruction) -> None:
    if not all(instruction.args):
        raise DockerfileError("VOLUME specified can not be an empty string")


def _check_trigger(instruction: Instruction) -> None:
    trigger = instruction.args[0].upper()
    if trigger == "ONBUILD":
        raise DockerfileError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger in {"FROM", "MAINTAINER"}:
        raise DockerfileError(f"{trigger} isn't allowed as an ONBUILD trigger")


def _check_health(instruction: Instruction) -> None:
    health_config(instruction.args, instruction.flags, is_json=instruction.exec)


_CHECKS: Mapping[str, Callable[[Instruction], None]] = {
    "arg": _check_names,
    "env": _check_names,
    "label": _check_names,
    "shell": _check_shell,
    "volume": _check_volumes,
    "onbuild": _check_trigger,
    "healthcheck": _check_health,
}


def _stage(begin: Instruction, instructions: Sequence[Instruction]) -> Stage:
    name = begin.args[2].lower() if len(begin.args) == 3 else ""
    return Stage(begin.args[0], name, begin.original.strip(), tuple(instructions))
