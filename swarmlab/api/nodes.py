"""`/nodes` (MB: daemon/cluster/nodes.go, SK: manager/controlapi/node.go)."""

from http import HTTPStatus

import msgspec

from swarmlab.api import encode
from swarmlab.api.call import DONE, Answer, Call, Route, answer
from swarmlab.api.errors import ApiError, bad_request
from swarmlab.api.query import Filters, parse_version
from swarmlab.api.resolve import find_node
from swarmlab.objects import Node, NodeSpec

_ROLES = frozenset({"worker", "manager"})
_AVAILABILITIES = frozenset({"active", "pause", "drain"})
_MEMBERSHIPS = frozenset({"pending", "accepted"})


def list_nodes(call: Call) -> Answer:
    """`GET /nodes`, by id."""
    filters = call.filters("name", "id", "label", "role", "membership", "node.label")
    for key, known in (("role", _ROLES), ("membership", _MEMBERSHIPS)):
        for value in filters.get(key):
            if value and value.lower() not in known:
                raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, f"Invalid {key} filter: '{value}'")
    found = [node for node in call.control.nodes() if _matches(node, filters)]
    return answer([encode.node(node) for node in sorted(found, key=lambda node: node.id)])


def _matches(node: Node, filters: Filters) -> bool:
    roles = [role.lower() for role in filters.get("role") if role]
    memberships = [membership.lower() for membership in filters.get("membership") if membership]
    return (
        filters.prefix("name", node.description.hostname)
        and filters.prefix("id", node.id)
        and filters.labels("label", node.description.engine.labels, empty_matches=True)
        and filters.labels("node.label", node.spec.labels, empty_matches=True)
        and (not roles or node.role in roles)
        and (not memberships or node.membership in memberships)
    )


def inspect_node(call: Call) -> Answer:
    """`GET /nodes/{id}`."""
    return answer(encode.node(find_node(call.control, call.name)))


def update_node(call: Call) -> Answer:
    """`POST /nodes/{id}/update`."""
    spec = call.decode(NodeSpec)
    version = parse_version(call.param("version"), "node")
    control = call.control
    spec = _canonical(spec)
    control.update_node(find_node(control, call.name).id, version, spec, call.actor)
    return DONE


def _canonical(spec: NodeSpec) -> NodeSpec:
    """Role and availability in lower case. Raises ApiError (400) when they are unknown."""
    role, availability = spec.role.lower(), spec.availability.lower()
    if role not in _ROLES:
        raise bad_request(f'invalid Role: "{spec.role}"')
    if availability not in _AVAILABILITIES:
        raise bad_request(f'invalid Availability: "{spec.availability}"')
    return msgspec.structs.replace(spec, role=role, availability=availability)


def remove_node(call: Call) -> Answer:
    """`DELETE /nodes/{id}`."""
    control = call.control
    control.remove_node(find_node(control, call.name).id, force=call.flag("force"), actor=call.actor)
    return DONE


ROUTES = (
    Route("GET", "/nodes", list_nodes),
    Route("GET", "/nodes/{name}", inspect_node),
    Route("POST", "/nodes/{name}/update", update_node),
    Route("DELETE", "/nodes/{name}", remove_node),
)
