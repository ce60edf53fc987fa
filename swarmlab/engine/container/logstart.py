"""What a driver of logs finds out only when its container starts (MB: daemon/logger/jsonfilelog, local, loginfo.go)."""

import json
import re
from collections.abc import Mapping

from swarmlab.engine.container.logdrivers import log_config
from swarmlab.objects.gotemplate import FUNCTIONS, Function, Map, Source, Struct, Value, execute, parse
from swarmlab.objects.local import Container
from swarmlab.objects.strconv import DECIMAL, atoi, parse_bool, parse_size
from swarmlab.runtime import base

#: So many characters of an id are shown.
_SHORT = 12


def _json(value: Value) -> str:
    plain = value.items if isinstance(value, Map) else value
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


#: What Docker adds to Go's functions (MB: daemon/logger/templates); those that make and take lists are not among them.
_FUNCTIONS: Mapping[str, Function] = {
    "json": _json,
    "title": lambda text: re.sub(r"(?<!\w)\w", lambda first: first[0].upper(), text),
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": lambda text, before, after: " " * before + text + " " * after if text else text,
    "truncate": lambda text, length: text[:length],
}


def check_log_driver(container: Container) -> None:
    """Raises StartError when the driver of a container's logs cannot begin."""
    config = log_config(container)
    try:
        if config.type == "json-file":
            _check_files(config.config)
            log_details(container)
        elif config.type == "local":
            _check_local(config.config)
    except ValueError as error:
        raise base.StartError(f"failed to initialize logging driver: {error}", base.CANNOT_START) from None


def log_details(container: Container) -> dict[str, str]:
    """What goes with each line of a container's log: labels, variables and the tag that were asked for.

    Only the driver `json-file` keeps any. Raises ValueError with Go's words for what is no expression, or no template.
    """
    config = log_config(container)
    if config.type != "json-file":
        return {}
    options = config.config
    variables = dict(found for variable in container.env if (found := variable.split("=", 1))[1:])
    details = {
        **_chosen(container.labels, options.get("labels", ""), options.get("labels-regex", "")),
        **_chosen(variables, options.get("env", ""), options.get("env-regex", "")),
    }
    tag = _tag(container, options.get("tag", ""))
    return {**details, "tag": tag} if tag else details


def _check_files(options: Mapping[str, str]) -> None:
    if "max-size" in options and not parse_size(options["max-size"], DECIMAL):
        raise ValueError("max-size must be a positive number")
    files = atoi(options.get("max-file", "1"))
    if files < 1:
        raise ValueError("max-file cannot be less than 1")
    if "compress" in options and parse_bool(options["compress"]) and (files == 1 or "max-size" not in options):
        raise ValueError("compress cannot be true when max-file is less than 2 or max-size is not set")


def _check_local(options: Mapping[str, str]) -> None:
    for name, read in (("max-size", lambda text: parse_size(text, DECIMAL)), ("max-file", atoi)):
        try:
            read(options.get(name, "5"))
        except ValueError as error:
            raise ValueError(f"invalid value for {name}: {options[name]}: {error}") from None
    try:
        compress = parse_bool(options.get("compress", "true"))
    except ValueError as error:
        raise ValueError(f"error reading compress log option: {error}") from None
    files = atoi(options.get("max-file", "5"))
    if files < 0:
        raise ValueError("max file count cannot be less than 0")
    if compress and files <= 1:
        raise ValueError("compression cannot be enabled when max file count is 1")


def _chosen(values: Mapping[str, str], names: str, expression: str) -> dict[str, str]:
    """Those that are named one by one, and those whose names an expression fits."""
    try:
        fits = re.compile(expression).search if expression else None
    except re.error:
        raise ValueError(_unparsable(expression)) from None
    listed = names.split(",")
    return {name: value for name, value in values.items() if name in listed or (fits and fits(name))}


def _unparsable(expression: str) -> str:
    """Go's complaint about an expression, by what is most often wrong with one."""
    if expression.count("[") > expression.count("]"):
        return f"error parsing regexp: missing closing ]: `{expression[expression.rindex('[') :]}`"
    if expression.count("(") > expression.count(")"):
        return f"error parsing regexp: missing closing ): `{expression}`"
    if expression.count(")") > expression.count("("):
        return f"error parsing regexp: unexpected ): `{expression}`"
    return f"error parsing regexp: missing argument to repetition operator: `{expression[:1]}`"


def _tag(container: Container, template: str) -> str:
    """A tag with the container's names and ids in it. Raises ValueError with Go's words."""
    fields: dict[str, Value] = {
        "Config": Map(log_config(container).config),
        "ID": container.id[:_SHORT],
        "FullID": container.id,
        "Name": container.name,
        "ImageID": container.image_id[:_SHORT],
        "ImageFullID": container.image_id,
        "ImageName": container.image,
        "Command": " ".join((container.path, *container.args)),
        "DaemonName": "docker",
        "ContainerID": container.id,
        "ContainerName": f"/{container.name}",
        "ContainerEntrypoint": container.path,
        "ContainerImageID": container.image_id,
        "ContainerImageName": container.image,
        "ContainerLabels": Map(container.labels),
    }
    known = {**FUNCTIONS, **_FUNCTIONS}
    return execute(parse(Source("log-tag", template), (*known, "and", "or")), Struct("*logger.Info", fields), known)
