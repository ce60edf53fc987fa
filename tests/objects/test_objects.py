"""Ids, names on the wire, states."""

import re

import msgspec
import pytest

from swarmlab.objects import ContainerSpec, Node, NodeSpec, NodeStatus, Task, TaskSpec, TaskState, new_id
from swarmlab.objects.base import base36, wire_name


def test_ids_are_25_characters_of_base_36() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-z]{25}", i) for i in ids)


@pytest.mark.parametrize(("number", "text"), [(0, "0000"), (35, "000z"), (36, "0010"), (36**4 - 1, "zzzz")])
def test_base_36_is_padded_on_the_left(number: int, text: str) -> None:
    assert base36(number, 4) == text


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("node_id", "NodeID"),
        ("nano_cpus", "NanoCPUs"),
        ("global_", "Global"),
        ("virtual_ips", "VirtualIPs"),
        ("dns_config", "DNSConfig"),
        ("tls_info", "TLSInfo"),
        ("spec", "Spec"),
    ],
)
def test_wire_names(name: str, wire: str) -> None:
    assert wire_name(name) == wire


def test_defaults_that_go_omits_are_omitted_and_the_others_are_not() -> None:
    assert msgspec.json.decode(msgspec.json.encode(NodeSpec())) == {"Labels": {}}
    encoded = msgspec.json.decode(msgspec.json.encode(TaskSpec(container_spec=ContainerSpec(image="i"))))
    assert encoded == {"ContainerSpec": {"Image": "i"}, "ForceUpdate": 0}


def test_only_what_comes_after_running_is_terminal() -> None:
    assert [s.name for s in TaskState if s.terminal] == [
        "COMPLETE", "SHUTDOWN", "FAILED", "REJECTED", "REMOVE", "ORPHANED",
    ]  # fmt: skip
    assert sorted(TaskState) == list(TaskState)
    assert TaskState.PREPARING.text == "preparing"


@pytest.mark.parametrize(("slot", "name", "key"), [(3, "web.3.t", ("s", 3, "")), (0, "web.n.t", ("s", 0, "n"))])
def test_a_task_without_a_slot_is_named_by_its_node(slot: int, name: str, key: tuple[str, int, str]) -> None:
    task = Task(id="t", spec=TaskSpec(), service_id="s", service_name="web", slot=slot, node_id="n")
    assert (task.name, task.slot_key) == (name, key)


@pytest.mark.parametrize(
    ("state", "availability", "invalid"),
    [
        ("ready", "active", False),
        ("ready", "pause", False),
        ("unknown", "active", False),
        ("disconnected", "active", False),
        ("down", "active", True),
        ("ready", "drain", True),
    ],
)
def test_which_nodes_are_invalid(state: str, availability: str, invalid: bool) -> None:
    node = Node(id="n", spec=NodeSpec(availability=availability), status=NodeStatus(state=state))
    assert node.invalid == invalid
