"""Takes out of a service spec what the client's API version cannot have meant (MB: daemon/server/router/swarm)."""

from typing import Any

import msgspec

from swarmlab.api.call import ApiVersion
from swarmlab.objects import ContainerSpec, ServiceSpec, TaskSpec
from swarmlab.objects.container import Mount

_replace = msgspec.structs.replace


def adjusted(spec: ServiceSpec, version: ApiVersion) -> ServiceSpec:
    """The spec as a client of that version could have sent it."""
    task = _task(spec.task_template, version)
    if version < ApiVersion(1, 41):
        spec = _replace(spec, mode=_replace(spec.mode, replicated_job=None, global_job=None))
    return _replace(spec, task_template=task)


def _task(task: TaskSpec, version: ApiVersion) -> TaskSpec:
    changes: dict[str, Any] = {}
    if task.container_spec is not None:
        changes["container_spec"] = _container(task.container_spec, version)
    if task.placement is not None and version < ApiVersion(1, 40):
        changes["placement"] = _replace(task.placement, max_replicas=0)
    if task.resources is not None:
        # Swap is a setting of versions newer than any that is served here.
        resources = _replace(task.resources, swap_bytes=None, memory_swappiness=None)
        if resources.limits is not None and version < ApiVersion(1, 41):
            resources = _replace(resources, limits=_replace(resources.limits, pids=0))
        changes["resources"] = resources
    return _replace(task, **changes) if changes else task


def _container(container: ContainerSpec, version: ApiVersion) -> ContainerSpec:
    changes: dict[str, Any] = {}
    if version < ApiVersion(1, 40):
        changes["sysctls"] = {}
        changes["configs"] = tuple(_replace(config, runtime=None) for config in container.configs)
        changes["privileges"] = _without_credential_config(container)
    if version < ApiVersion(1, 41):
        changes.update(capability_add=(), capability_drop=(), ulimits=())
    if version < ApiVersion(1, 44):
        privileges = changes.get("privileges", container.privileges)
        if privileges is not None:
            changes["privileges"] = _replace(privileges, seccomp=None, apparmor=None, no_new_privileges=False)
        if container.healthcheck is not None:
            changes["healthcheck"] = _replace(container.healthcheck, start_interval=0)
    if version < ApiVersion(1, 46):
        changes["oom_score_adj"] = 0
        changes["mounts"] = tuple(_without_tmpfs_options(mount) for mount in container.mounts)
    return _replace(container, **changes) if changes else container


def _without_credential_config(container: ContainerSpec) -> Any:
    privileges = container.privileges
    if privileges is None or privileges.credential_spec is None:
        return privileges
    return _replace(privileges, credential_spec=_replace(privileges.credential_spec, config=""))


def _without_tmpfs_options(mount: Mount) -> Mount:
    if mount.tmpfs_options is None or not mount.tmpfs_options.options:
        return mount
    return _replace(mount, tmpfs_options=_replace(mount.tmpfs_options, options=()))
