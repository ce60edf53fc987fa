"""The language of placement constraints (SK: manager/constraint/constraint_test.go)."""

import pytest

from swarmlab.objects import Node, NodeDescription, NodeSpec, NodeStatus, Platform
from swarmlab.objects.constraint import Constraint, ConstraintError, node_matches, node_satisfies, parse
from swarmlab.objects.node import EngineDescription

NODE = Node(
    id="node1ID",
    role="worker",
    spec=NodeSpec(labels={"disk": "SSD", "Rack": "r1"}),
    status=NodeStatus(addr="192.168.1.5"),
    description=NodeDescription(
        hostname="Alpha",
        platform=Platform(architecture="x86_64", os="linux"),
        engine=EngineDescription(labels={"storage": "fast", "os.name": "Alpine"}),
    ),
)


@pytest.mark.parametrize(
    ("expression", "parsed"),
    [
        ("node.id==x", Constraint("node.id", True, "x")),
        ("node.id!=x", Constraint("node.id", False, "x")),
        ("  node.id  ==  some value  ", Constraint("node.id", True, "some value")),
        ("node.labels.a-b_c.d == v", Constraint("node.labels.a-b_c.d", True, "v")),
        ("_key == v", Constraint("_key", True, "v")),
        ("node.ip == 10.0.0.0/8", Constraint("node.ip", True, "10.0.0.0/8")),
        (r"k1 == a:b-c_d .*()?+[]\^$|/", Constraint("k1", True, r"a:b-c_d .*()?+[]\^$|/")),
    ],
)
def test_what_can_be_said(expression: str, parsed: Constraint) -> None:
    assert parse([expression]) == (parsed,)


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        ("", "constraint expected one operator from ==, !="),
        ("node.id", "constraint expected one operator from ==, !="),
        ("node.id=x", "constraint expected one operator from ==, !="),
        ("node.id<x", "constraint expected one operator from ==, !="),
        ("==x", "key '' is invalid"),
        ("1key==x", "key '1key' is invalid"),
        ("k==x", "key 'k' is invalid"),
        ("node id==x", "key 'node id' is invalid"),
        ("!node.id==x", "key '!node.id' is invalid"),
        ("node.id==", "value '' is invalid"),
        ("node.id!= ", "value '' is invalid"),
        ("node.id===x", "value '=x' is invalid"),
        ("node.id==a==b", "value 'a==b' is invalid"),
        ("node.id==a,b", "value 'a,b' is invalid"),
        ("node.id==a@b", "value 'a@b' is invalid"),
        ("node.id=='x'", "value ''x'' is invalid"),
        ("node.id==a%b", "value 'a%b' is invalid"),
        # The first search is for `==`, so this is a strange key, not an unequal value.
        ("node.id!=a==b", "key 'node.id!=a' is invalid"),
    ],
)
def test_what_cannot(expression: str, error: str) -> None:
    with pytest.raises(ConstraintError) as caught:
        parse(["node.id==fine", expression])
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("node.id == node1ID", True),
        ("node.id == NODE1id", True),
        ("NODE.ID == node1ID", True),
        ("node.id == node1", False),
        ("node.id == node1*", False),
        ("node.id != node1ID", False),
        ("node.hostname == alpha", True),
        ("node.hostname != beta", True),
        ("node.role == worker", True),
        ("node.role == manager", False),
        ("node.role != manager", True),
        ("node.platform.os == linux", True),
        ("node.platform.os == windows", False),
        ("node.platform.arch == x86_64", True),
        ("node.platform.arch == amd64", False),
        ("node.labels.disk == ssd", True),
        ("node.labels.disk != ssd", False),
        ("NODE.LABELS.disk == ssd", True),
        ("node.labels.DISK == ssd", False),
        ("node.labels.Rack == r1", True),
        ("node.labels.missing == x", False),
        ("node.labels.missing != x", True),
        ("engine.labels.storage == fast", True),
        ("engine.labels.os.name == alpine", True),
        ("engine.labels.missing != x", True),
        ("engine.labels.disk == ssd", False),
        ("node.ip == 192.168.1.5", True),
        ("node.ip == 192.168.1.6", False),
        ("node.ip != 192.168.1.6", True),
        ("node.ip == 192.168.1.0/24", True),
        ("node.ip == 192.168.1.7/24", True),
        ("node.ip != 192.168.1.0/24", False),
        ("node.ip == 10.0.0.0/8", False),
        ("node.ip != 10.0.0.0/8", True),
        ("node.ip == nonsense", False),
        ("node.ip != nonsense", False),
        ("node.labels. == x", False),
        ("node.unknown == x", False),
        ("node.unknown != x", False),
    ],
)
def test_what_a_node_satisfies(expression: str, matches: bool) -> None:
    assert node_matches(parse([expression]), NODE) == matches


def test_all_expressions_must_hold() -> None:
    assert node_satisfies(["node.role == worker", "node.labels.disk == ssd"], NODE)
    assert not node_satisfies(["node.role == worker", "node.labels.disk == hdd"], NODE)
    assert node_satisfies([], NODE)


def test_expressions_that_cannot_be_parsed_count_as_none_in_the_loops() -> None:
    assert node_satisfies(["nonsense", "node.id == other"], NODE)
