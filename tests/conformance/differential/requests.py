"""Requests to the Engine API that no command line would send: bodies in which something is not as it should be."""

import copy
import json
import random
from typing import Any

_FILE = {"Name": "f", "UID": "0", "GID": "0", "Mode": 292}
#: A service that uses most of what there is.
_SERVICE: dict[str, Any] = {
    "Name": "web",
    "Labels": {"a": "b"},
    "TaskTemplate": {
        "ContainerSpec": {
            "Image": "nginx:alpine",
            "Labels": {"c": "d"},
            "Command": ["sleep", "1000"],
            "Hostname": "h",
            "Env": ["A=1"],
            "Dir": "/tmp",
            "User": "root",
            "Groups": ["99"],
            "TTY": False,
            "OpenStdin": False,
            "ReadOnly": False,
            "Mounts": [{"Type": "volume", "Source": "v1", "Target": "/d", "VolumeOptions": {"Labels": {"a": "b"}}}],
            "StopSignal": "SIGTERM",
            "StopGracePeriod": 1_000_000_000,
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1_000_000_000, "Retries": 2},
            "Hosts": ["1.2.3.4 h"],
            "DNSConfig": {"Nameservers": ["8.8.8.8"], "Search": ["x.y"], "Options": ["ndots:1"]},
            "Secrets": [{"File": _FILE, "SecretID": "x", "SecretName": "s-1"}],
            "Configs": [{"File": _FILE, "ConfigID": "x", "ConfigName": "c-1"}],
            "Init": True,
            "Isolation": "default",
            "Sysctls": {"net.core.somaxconn": "512"},
            "CapabilityAdd": ["CAP_NET_ADMIN"],
            "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
            "Privileges": {"SELinuxContext": {"Disable": True}},
        },
        "Resources": {
            "Limits": {"NanoCPUs": 500_000_000, "MemoryBytes": 64_000_000, "Pids": 100},
            "Reservations": {
                "NanoCPUs": 1_000_000,
                "MemoryBytes": 6_000_000,
                "GenericResources": [{"DiscreteResourceSpec": {"Kind": "gpu", "Value": 1}}],
            },
        },
        "RestartPolicy": {"Condition": "on-failure", "Delay": 1_000_000_000, "MaxAttempts": 2, "Window": 0},
        "Placement": {
            "Constraints": ["node.role==manager"],
            "Preferences": [{"Spread": {"SpreadDescriptor": "node.labels.z"}}],
            "MaxReplicas": 2,
            "Platforms": [{"Architecture": "x86_64", "OS": "linux"}],
        },
        "Networks": [{"Target": "n-1", "Aliases": ["al"]}],
        "LogDriver": {"Name": "json-file", "Options": {"max-file": "2"}},
        "ForceUpdate": 0,
        "Runtime": "container",
    },
    "Mode": {"Replicated": {"Replicas": 1}},
    "UpdateConfig": {
        "Parallelism": 1,
        "Delay": 0,
        "FailureAction": "pause",
        "Monitor": 1_000_000_000,
        "MaxFailureRatio": 0.5,
        "Order": "stop-first",
    },
    "RollbackConfig": {"Parallelism": 1, "FailureAction": "continue", "Order": "start-first"},
    "EndpointSpec": {
        "Mode": "vip",
        "Ports": [{"Name": "p", "Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8099, "PublishMode": "ingress"}],
    },
}
_NETWORK: dict[str, Any] = {
    "Name": "n-3",
    "CheckDuplicate": True,
    "Driver": "overlay",
    "Internal": False,
    "Attachable": True,
    "Ingress": False,
    "Scope": "swarm",
    "IPAM": {
        "Driver": "default",
        "Config": [{"Subnet": "10.77.9.0/24", "IPRange": "10.77.9.0/28", "Gateway": "10.77.9.1"}],
        "Options": {"a": "b"},
    },
    "EnableIPv6": False,
    "Options": {"encrypted": ""},
    "Labels": {"a": "b"},
}
_KEPT: dict[str, Any] = {
    "Name": "k-1",
    "Labels": {"a": "b"},
    "Data": "eA==",
    "Templating": {"Name": "golang", "Options": {"a": "b"}},
}
_SWARM: dict[str, Any] = {
    "Name": "default",
    "Labels": {"a": "b"},
    "Orchestration": {"TaskHistoryRetentionLimit": 5},
    "Raft": {
        "SnapshotInterval": 10000,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "ElectionTick": 10,
        "HeartbeatTick": 1,
    },
    "Dispatcher": {"HeartbeatPeriod": 5_000_000_000},
    "CAConfig": {"NodeCertExpiry": 7_776_000_000_000_000, "ExternalCAs": []},
    "EncryptionConfig": {"AutoLockManagers": False},
    "TaskDefaults": {"LogDriver": {"Name": "json-file"}},
}
_NODE: dict[str, Any] = {"Name": "", "Labels": {"x": "1"}, "Role": "manager", "Availability": "active"}

#: How often, the method and the path, the body.
_REQUESTS: tuple[tuple[int, str, dict[str, Any]], ...] = (
    (6, "POST /services/create", _SERVICE),
    (4, "POST /services/one/update?version=$VERSION_one", _SERVICE | {"Name": "one"}),
    (2, "POST /networks/create", _NETWORK),
    (1, "POST /secrets/create", _KEPT),
    (1, "POST /configs/create", _KEPT),
    (2, "POST /swarm/update?version=$VERSION_swarm", _SWARM),
    (1, "POST /nodes/$N1/update?version=$VERSION_node", _NODE),
)
_ALWAYS = frozenset({"Name", "TaskTemplate", "ContainerSpec", "Image", "StopGracePeriod"})
_VALUES: tuple[Any, ...] = (
    None, "", "x", "bogus", " ", "a b", "1", -1, 0, 1, 7, 1.5, True, False, [], {}, [None], ["x"], [""], {"a": "b"},
    {"": ""}, 10**6, 10**11, -(10**11), 2**63, 70_000, "x" * 70, "é", "/", "{{.Bogus}}",
)  # fmt: skip


def api_request(chance: random.Random) -> str:
    """`METHOD PATH BODY`: a body that was right, with one or two changes (once in a while, none)."""
    _, line, body = chance.choices(_REQUESTS, [weight for weight, _, _ in _REQUESTS])[0]
    body = copy.deepcopy(body)
    if body.get("TaskTemplate"):
        _thin_out(chance, body)
    for _ in range(chance.choice([0, 1, 1, 1, 1, 2])):
        _change(chance, body)
    return f"{line} {json.dumps(body, ensure_ascii=False)}"


def _thin_out(chance: random.Random, body: dict[str, Any]) -> None:
    """Leave most of a service out, so that one mistake is not always found before another."""
    container = body["TaskTemplate"]["ContainerSpec"]
    for where in (container, body["TaskTemplate"], body):
        for key in list(where):
            if key not in _ALWAYS and chance.random() < 0.7:
                del where[key]
    # Those would have to name what there is.
    for key in ("Secrets", "Configs"):
        if chance.random() < 0.8:
            container.pop(key, None)


def _change(chance: random.Random, body: dict[str, Any]) -> None:
    places = list(_places(body))
    where, key = chance.choice(places)
    draw = chance.random()
    if draw < 0.1:
        del where[key]
    elif draw < 0.15 and isinstance(where, dict):
        where["Unknown"] = where[key]
    else:
        where[key] = chance.choice(_VALUES)


def _places(value: Any) -> "list[tuple[Any, Any]]":
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found: list[tuple[Any, Any]] = []
    for key in keys:
        found.append((value, key))
        found += _places(value[key])
    return found
