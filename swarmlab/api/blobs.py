"""`/configs` and `/secrets`, which differ in little more than their names (MB: daemon/cluster/{configs,secrets}.go)."""

from http import HTTPStatus

from swarmlab.api import encode
from swarmlab.api.call import DONE, NO_CONTENT, Answer, ApiVersion, Call, Route, answer
from swarmlab.api.errors import ApiError, bad_request
from swarmlab.api.query import Filters, parse_version
from swarmlab.api.resolve import find_config, find_secret
from swarmlab.objects import BlobSpec, Config, Secret


def _matches(blob: Config | Secret, filters: Filters) -> bool:
    """Whether it has one of the names or ids that are asked for, and all of the labels (SK: controlapi/secret.go)."""
    name = blob.spec.name
    named = (
        *(value == name for value in filters.get("names")),
        *(name.startswith(value) for value in filters.get("name")),
        *(blob.id.startswith(value) for value in filters.get("id")),
    )
    return (not named or any(named)) and filters.labels("label", blob.spec.labels, empty_matches=True)


def _spec(call: Call, kind: str) -> BlobSpec:
    spec = call.decode(BlobSpec, f"swarm.{kind.capitalize()}Spec")
    if spec.templating is not None and call.version < ApiVersion(1, 37):
        version = f"{call.version.major}.{call.version.minor}"
        raise bad_request(f"{kind} templating is not supported on the specified API version: {version}")
    return spec


def _version(call: Call, kind: str) -> int:
    try:
        return parse_version(call.param("version"), kind)
    except ApiError:
        raise bad_request(f"invalid {kind} version") from None


def list_configs(call: Call) -> Answer:
    """`GET /configs`, by id."""
    filters = call.filters("name", "id", "label")
    found = (config for config in call.control.configs() if _matches(config, filters))
    return answer([encode.config(config) for config in sorted(found, key=lambda config: config.id)])


def inspect_config(call: Call) -> Answer:
    """`GET /configs/{id}`."""
    return answer(encode.config(find_config(call.control, call.name)))


def create_config(call: Call) -> Answer:
    """`POST /configs/create`."""
    spec = _spec(call, "config")
    return answer({"ID": call.control.create_config(spec, call.actor).id}, HTTPStatus.CREATED)


def update_config(call: Call) -> Answer:
    """`POST /configs/{id}/update`: labels only."""
    spec, version = _spec(call, "config"), _version(call, "config")
    control = call.control
    control.update_config(find_config(control, call.name).id, version, spec, call.actor)
    return DONE


def remove_config(call: Call) -> Answer:
    """`DELETE /configs/{id}`."""
    control = call.control
    control.remove_config(find_config(control, call.name).id, call.actor)
    return NO_CONTENT


def list_secrets(call: Call) -> Answer:
    """`GET /secrets`, by id, without their data."""
    filters = call.filters("names", "name", "id", "label")
    found = (secret for secret in call.control.secrets() if _matches(secret, filters))
    return answer([encode.secret(secret) for secret in sorted(found, key=lambda secret: secret.id)])


def inspect_secret(call: Call) -> Answer:
    """`GET /secrets/{id}`, without its data."""
    return answer(encode.secret(find_secret(call.control, call.name)))


def create_secret(call: Call) -> Answer:
    """`POST /secrets/create`."""
    spec = _spec(call, "secret")
    return answer({"ID": call.control.create_secret(spec, call.actor).id}, HTTPStatus.CREATED)


def update_secret(call: Call) -> Answer:
    """`POST /secrets/{id}/update`: labels only."""
    spec, version = _spec(call, "secret"), _version(call, "secret")
    control = call.control
    control.update_secret(find_secret(control, call.name).id, version, spec, call.actor)
    return DONE


def remove_secret(call: Call) -> Answer:
    """`DELETE /secrets/{id}`."""
    control = call.control
    control.remove_secret(find_secret(control, call.name).id, call.actor)
    return NO_CONTENT


ROUTES = (
    Route("GET", "/configs", list_configs),
    Route("POST", "/configs/create", create_config),
    Route("GET", "/configs/{name}", inspect_config),
    Route("POST", "/configs/{name}/update", update_config),
    Route("DELETE", "/configs/{name}", remove_config),
    Route("GET", "/secrets", list_secrets),
    Route("POST", "/secrets/create", create_secret),
    Route("GET", "/secrets/{name}", inspect_secret),
    Route("POST", "/secrets/{name}/update", update_secret),
    Route("DELETE", "/secrets/{name}", remove_secret),
)
