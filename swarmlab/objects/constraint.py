"""Placement constraints: parsing and matching, nothing else (SK: manager/constraint/constraint.go)."""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from swarmlab.objects.node import Node

_OPERATORS = ("==", "!=")
_KEY = re.compile(r"^[a-z_][a-z0-9\-_.]+$", re.IGNORECASE)
_VALUE = re.compile(r"^[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+$", re.IGNORECASE)


class ConstraintError(ValueError):
    """Raised when an expression cannot be parsed; the text is SwarmKit's."""


class Constraint(NamedTuple):
    """`key == value`, or `key != value` when not `equal`."""

    key: str
    equal: bool
    value: str

    def match(self, *actual: str) -> bool:
        """Whether the attribute's value (or one of several) satisfies the expression. Letter case does not count."""
        found = self.value.lower() in {a.lower() for a in actual}
        return found if self.equal else not found


def parse(expressions: Iterable[str]) -> tuple[Constraint, ...]:
    """The constraints that a placement lists. Raises ConstraintError."""
    parsed = []
    for expression in expressions:
        for operator in _OPERATORS:
            if operator not in expression:
                continue
            key, _, value = expression.partition(operator)
            key, value = key.strip(), value.strip()
            if not _KEY.match(key):
                raise ConstraintError(f"key '{key}' is invalid")
            if not _VALUE.match(value):
                raise ConstraintError(f"value '{value}' is invalid")
            parsed.append(Constraint(key, operator == "==", value))
            break
        else:
            raise ConstraintError("constraint expected one operator from ==, !=")
    return tuple(parsed)


def node_matches(constraints: Sequence[Constraint], node: Node) -> bool:
    """Whether a node satisfies all constraints. An unknown key is never satisfied."""
    return all(_matches(constraint, node) for constraint in constraints)


def node_satisfies(expressions: Iterable[str], node: Node) -> bool:
    """Like `node_matches`, for expressions; those that cannot be parsed count as none, as in SwarmKit's loops."""
    try:
        return node_matches(parse(expressions), node)
    except ConstraintError:
        return True


def _matches(constraint: Constraint, node: Node) -> bool:
    key = constraint.key.lower()
    if key == "node.id":
        return constraint.match(node.id)
    if key == "node.hostname":
        return constraint.match(node.description.hostname)
    if key == "node.ip":
        return _matches_ip(constraint, node.status.addr)
    if key == "node.role":
        return constraint.match(node.role)
    if key == "node.platform.os":
        return constraint.match(node.description.platform.os)
    if key == "node.platform.arch":
        return constraint.match(node.description.platform.architecture)
    for prefix, labels in (("node.labels.", node.spec.labels), ("engine.labels.", node.description.engine.labels)):
        if key.startswith(prefix) and len(key) > len(prefix):
            # The label's own name keeps its letter case; a missing label counts as the empty string.
            return constraint.match(labels.get(constraint.key[len(prefix) :], ""))
    return False


def _matches_ip(constraint: Constraint, address: str) -> bool:
    try:
        actual = ipaddress.ip_address(address)
        if "/" in constraint.value:
            return (actual in ipaddress.ip_network(constraint.value, strict=False)) == constraint.equal
        return (actual == ipaddress.ip_address(constraint.value)) == constraint.equal
    except ValueError:
        return False
