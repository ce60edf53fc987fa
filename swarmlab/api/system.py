"""`/_ping`, `/info`, `/version`, `/system/df`, and what a lab has none of (MB: daemon/server/router/system)."""

from collections import Counter
from typing import Any

from swarmlab.api import containers, host, images, volumes
from swarmlab.api.call import Answer, ApiVersion, Call, Route, document
from swarmlab.api.encode import ZERO_TIME, cluster_info, instant
from swarmlab.api.errors import bad_request
from swarmlab.engine import VERSION, SwarmInfo
from swarmlab.engine.container.logdrivers import DRIVERS
from swarmlab.engine.image.images import Usage

_PING_HEADERS = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    # With 2 the command would build with BuildKit, which is not here, and old ones would speak HTTP/2.
    "Builder-Version": "1",
}
_PLUGINS = {
    "Volume": ["local"],
    "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
    "Authorization": None,
    "Log": DRIVERS,
}  # fmt: skip


def ping(call: Call) -> Answer:
    """`GET` and `HEAD /_ping`, with the engine's place in a swarm in a header."""
    headers = {**_PING_HEADERS, "Swarm": call.engine.cluster.status()}
    if call.method == "HEAD":
        return Answer(content_type="text/plain; charset=utf-8", headers={**headers, "Content-Length": "0"})
    return Answer(body=b"OK", content_type="text/plain; charset=utf-8", headers=headers)


def version(call: Call) -> Answer:
    """`GET /version`."""
    return document(host.version())


async def info(call: Call) -> Answer:
    """`GET /info`."""
    engine = call.engine
    swarm = _swarm(await engine.cluster.info_in_time())
    states = [container.state.status for container in engine.containers.list(all=True)]
    running, paused = states.count("running"), states.count("paused")
    found: dict[str, Any] = {
        "ID": engine.id,
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(engine.images.images()),
        "Driver": "overlay2",
        "DriverStatus": [],
        "Plugins": _PLUGINS,
        **_ABILITIES,
        "NFd": 0,
        "OomKillDisable": True,
        "NGoroutines": 0,
        "SystemTime": instant(engine.clock.now()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "none",
        "CgroupVersion": "2",
        "NEventsListener": 0,
        **host.machine(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": [],
            "AllowNondistributableArtifactsHostnames": [],
            "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": {"docker.io": {"Name": "docker.io", "Mirrors": [], "Secure": True, "Official": True}},
            "Mirrors": [],
        },
        "GenericResources": engine.settings.generic or None,
        "DockerRootDir": "/var/lib/docker",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": engine.name,
        "Labels": engine.settings.labels,
        "ExperimentalBuild": False,
        "ServerVersion": VERSION,
        "Runtimes": {"runc": {"path": "runc"}},
        "DefaultRuntime": "runc",
        "Swarm": swarm,
        "LiveRestoreEnabled": False,
        "Isolation": "",
        "InitBinary": "docker-init",
        "ContainerdCommit": {"ID": "", "Expected": ""},
        "RuncCommit": {"ID": "", "Expected": ""},
        "InitCommit": {"ID": "", "Expected": ""},
        "SecurityOptions": [],
        "Warnings": swarm.get("Warnings"),
    }
    return document(_as_known_to(call.version, found))


def _as_known_to(version: ApiVersion, found: dict[str, Any]) -> dict[str, Any]:
    """What is told of an engine without the fields that the client's API version has no more."""
    if version >= ApiVersion(1, 47):
        own = {"AllowNondistributableArtifactsCIDRs", "AllowNondistributableArtifactsHostnames"}
        found["RegistryConfig"] = {name: v for name, v in found["RegistryConfig"].items() if name not in own}
    if version >= ApiVersion(1, 49):
        found |= {name: {"ID": ""} for name in ("ContainerdCommit", "RuncCommit", "InitCommit")}
    if version >= ApiVersion(1, 50):
        found = {name: value for name, value in found.items() if name not in {"BridgeNfIptables", "BridgeNfIp6tables"}}
    return found


_ABILITIES = dict.fromkeys(
    ("MemoryLimit", "SwapLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet", "PidsLimit", "IPv4Forwarding",
     "BridgeNfIptables", "BridgeNfIp6tables"),
    True,
) | {"Debug": False}  # fmt: skip


#: What is told of a cluster that cannot be asked.
NO_CLUSTER = {
    "ID": "",
    "Version": {},
    "CreatedAt": ZERO_TIME,
    "UpdatedAt": ZERO_TIME,
    "Spec": {
        "Labels": None,
        "Orchestration": {},
        "Raft": {"ElectionTick": 0, "HeartbeatTick": 0},
        "Dispatcher": {},
        "CAConfig": {},
        "TaskDefaults": {},
        "EncryptionConfig": {"AutoLockManagers": False},
    },
    "TLSInfo": {},
    "RootRotationInProgress": False,
    "DefaultAddrPool": None,
    "SubnetSize": 0,
    "DataPathPort": 0,
}


def _swarm(state: SwarmInfo) -> dict[str, Any]:
    found: dict[str, Any] = {
        "NodeID": state.node_id,
        "NodeAddr": state.node_addr,
        "LocalNodeState": state.local_node_state,
        "ControlAvailable": state.control_available,
        "Error": state.error,
        "RemoteManagers": [{"NodeID": node_id, "Addr": address} for node_id, address in state.remote_managers] or None,
    }
    if state.nodes:
        found["Nodes"] = state.nodes
    if state.managers:
        found["Managers"] = state.managers
    if state.control_available:
        found["Cluster"] = cluster_info(state.cluster) if state.cluster is not None else NO_CLUSTER
    if state.warnings:
        found["Warnings"] = list(state.warnings)
    return found


#: Of what `GET /system/df` tells, by the names that its parameter `type` has for it.
_KINDS = {"container": "Containers", "image": "Images", "volume": "Volumes", "build-cache": "BuildCache"}


def disk_usage(call: Call) -> Answer:
    """`GET /system/df`: images, volumes and containers, which have no layer of their own that could be measured.

    Before API 1.42 it is always everything, and there is a size of the builder's.
    """
    has_types = call.version >= ApiVersion(1, 42)
    asked = call.query.getall("type", []) if has_types else []
    for kind in asked:
        if kind not in _KINDS:
            raise bad_request(f"unknown object type: {kind}")
    wanted = {_KINDS[kind] for kind in asked} or set(_KINDS.values())
    engine = call.engine
    usage = engine.images.usage()
    found: dict[str, Any] = {
        "LayersSize": sum(usage.layers.values()) if "Images" in wanted else 0,
        "Images": _images_used(call, usage) if "Images" in wanted else None,
        "Containers": containers.summaries(call) if "Containers" in wanted else None,
        "Volumes": volumes.usage(engine) if "Volumes" in wanted else None,
        "BuildCache": [] if "BuildCache" in wanted else None,
    }
    return document(found if has_types else {**found, "BuilderSize": 0})


def _images_used(call: Call, usage: Usage) -> list[dict[str, Any]]:
    engine = call.engine
    used = Counter(container.image_id for container in engine.containers.list(all=True))
    return [
        {**images.summary(call, image), "Containers": used[image.id], "SharedSize": usage.shared[image.id]}
        for image in engine.images.images()
        if image.tags or image.digests or not engine.images.store.children(image.id)
    ]


ROUTES = (
    Route("GET", "/_ping", ping),
    Route("HEAD", "/_ping", ping),
    Route("GET", "/version", version),
    Route("GET", "/info", info),
    Route("GET", "/system/df", disk_usage),
)
