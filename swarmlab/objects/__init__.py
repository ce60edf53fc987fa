"""The objects of a swarm and their specs, typed, immutable, with the Engine API's names on the wire."""

from swarmlab.objects.base import Driver, Object, Spec, new_container_id, new_id
from swarmlab.objects.blob import BlobSpec, Config, Secret
from swarmlab.objects.cluster import Cluster, ClusterSpec, JoinTokens, RootCA
from swarmlab.objects.container import ContainerSpec
from swarmlab.objects.network import (
    Endpoint,
    EndpointSpec,
    EndpointVirtualIP,
    IPAMConfig,
    IPAMOptions,
    Network,
    NetworkAttachment,
    NetworkAttachmentConfig,
    NetworkSpec,
    PortConfig,
)
from swarmlab.objects.node import (
    ManagerStatus,
    Node,
    NodeDescription,
    NodeSpec,
    NodeStatus,
    Platform,
    Resources,
    TLSInfo,
)
from swarmlab.objects.service import Placement, Service, ServiceMode, ServiceSpec, TaskSpec, UpdateConfig, UpdateStatus
from swarmlab.objects.states import TaskState
from swarmlab.objects.task import ContainerStatus, Task, TaskStatus

__all__ = [
    "BlobSpec",
    "Cluster",
    "ClusterSpec",
    "Config",
    "ContainerSpec",
    "ContainerStatus",
    "Driver",
    "Endpoint",
    "EndpointSpec",
    "EndpointVirtualIP",
    "IPAMConfig",
    "IPAMOptions",
    "JoinTokens",
    "ManagerStatus",
    "Network",
    "NetworkAttachment",
    "NetworkAttachmentConfig",
    "NetworkSpec",
    "Node",
    "NodeDescription",
    "NodeSpec",
    "NodeStatus",
    "Object",
    "Placement",
    "Platform",
    "PortConfig",
    "Resources",
    "RootCA",
    "Secret",
    "Service",
    "ServiceMode",
    "ServiceSpec",
    "Spec",
    "TLSInfo",
    "Task",
    "TaskSpec",
    "TaskState",
    "TaskStatus",
    "UpdateConfig",
    "UpdateStatus",
    "new_container_id",
    "new_id",
]
