"""`/plugins`: there are none, and none can be had: Docker's answers on a machine without a network.

Source: MB: daemon/server/router/plugin, plugin/backend_linux.go.
"""

from typing import Any

from swarmlab import images
from swarmlab.api.call import Answer, Call, Route, answer, document
from swarmlab.api.contenttype import check_json
from swarmlab.api.distribution import check_reference
from swarmlab.api.errors import ApiError, bad_request, internal, not_found
from swarmlab.api.query import parse_int
from swarmlab.engine.image.registryclient import HUB, HUBS
from swarmlab.objects.gojson import GoSyntaxError, loads


def list_plugins(call: Call) -> Answer:
    """`GET /plugins`."""
    call.filters("enabled", "capability").flag("enabled")
    return answer([])


def inspect_plugin(call: Call) -> Answer:
    """`GET /plugins/{name}/json`."""
    raise _missing(call.name)


def remove(call: Call) -> Answer:
    """`DELETE /plugins/{name}`."""
    raise _missing(call.name)


def enable(call: Call) -> Answer:
    """`POST /plugins/{name}/enable`."""
    try:
        parse_int(call.param("timeout"), "strconv.Atoi")
    except ApiError as error:
        raise internal(str(error)) from None
    raise _missing(call.name)


def disable(call: Call) -> Answer:
    """`POST /plugins/{name}/disable`."""
    raise _missing(call.name)


def configure(call: Call) -> Answer:
    """`POST /plugins/{name}/set`."""
    _check_body(call)
    raise _missing(call.name)


def push(call: Call) -> Answer:
    """`POST /plugins/{name}/push`."""
    raise _missing(call.name)


def upgrade(call: Call) -> Answer:
    """`POST /plugins/{name}/upgrade`."""
    _check_body(call)
    _check_remote(call)
    raise _missing(call.name if ":" in call.name else f"{call.name}:latest")


def privileges(call: Call) -> Answer:
    """`GET /plugins/privileges`: what cannot be looked at asks for nothing."""
    _check_remote(call)
    return document([])


def pull(call: Call) -> Answer:
    """`POST /plugins/pull`."""
    _check_body(call)
    reference = _check_remote(call)
    host, _, path = reference.qualified.partition("/")
    url = f"https://{HUB if host in HUBS else host}/v2/{path}/manifests/{reference.digest or reference.tag}"
    raise internal(
        f'error resolving plugin reference: failed to do request: Head "{url}": '
        f"dial tcp: lookup {(HUB if host in HUBS else host).partition(':')[0]}: no such host"
    )


def _missing(name: str) -> ApiError:
    return not_found(f'plugin "{name}" not found')


def _check_remote(call: Call) -> images.Reference:
    """The plugin that is to be had. Raises ApiError (500)."""
    remote = call.param("remote")
    try:
        check_reference(remote)
    except ApiError as error:
        raise internal(str(error)) from None
    return images.parse_reference(remote)


def _check_body(call: Call) -> None:
    """The body is a list, or nothing. Raises ApiError (400)."""
    if not call.body:
        return
    check_json(call.content_type)
    try:
        found: Any = loads(call.body.decode("utf-8", "replace"))
    except GoSyntaxError as error:
        raise bad_request(str(error)) from None
    if found is not None and not isinstance(found, list):
        kind = {bool: "bool", str: "string", dict: "object"}.get(type(found), "number")
        raise bad_request(f"json: cannot unmarshal {kind} into Go value of type []string")


ROUTES = (
    Route("GET", "/plugins", list_plugins),
    Route("GET", "/plugins/privileges", privileges),
    Route("GET", "/plugins/{name*}/json", inspect_plugin),
    Route("DELETE", "/plugins/{name*}", remove),
    Route("POST", "/plugins/pull", pull),
    Route("POST", "/plugins/{name*}/enable", enable),
    Route("POST", "/plugins/{name*}/disable", disable),
    Route("POST", "/plugins/{name*}/set", configure),
    Route("POST", "/plugins/{name*}/push", push),
    Route("POST", "/plugins/{name*}/upgrade", upgrade),
)
