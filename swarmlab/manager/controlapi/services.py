"""Services (SK: manager/controlapi/service.go)."""

from typing import NamedTuple

import msgspec

from swarmlab.allocator import ingress_ports
from swarmlab.manager.controlapi.tally import Tally
from swarmlab.manager.controlapi.validate import validate_service_spec
from swarmlab.manager.errors import Code, StatusError, failed_precondition, invalid_argument, not_found
from swarmlab.objects import Service, ServiceSpec, UpdateStatus, new_id
from swarmlab.objects.service import JobStatus
from swarmlab.store import Actor, Kind, NameConflictError, SequenceConflictError, Store, Transaction


class ServiceStatus(NamedTuple):
    """How many tasks run, should run, and have completed (SK: manager/controlapi/service.go, ListServiceStatuses)."""

    running: int
    desired: int
    completed: int


class ServiceAPI:
    """Create, update, remove and look at services."""

    store: Store
    tally: Tally

    def services(self) -> list[Service]:
        """All services, oldest first."""
        return list(self.store.tables.services)

    def service(self, service_id: str) -> Service:
        """One service by id. Raises StatusError (NotFound)."""
        service = self.store.tables.services.get(service_id)
        if service is None:
            raise not_found(f"service {service_id} not found")
        return service

    def create_service(self, spec: ServiceSpec, actor: Actor) -> Service:
        """A new service of a canonical spec."""
        validate_service_spec(spec)
        self._check_networks(spec)
        self._check_ports(spec, "")
        now = self.store.clock.now()
        is_job = spec.mode.replicated_job is not None or spec.mode.global_job is not None
        service = Service(id=new_id(), spec=spec, job_status=JobStatus(last_execution=now) if is_job else None)
        self._check_ingress(service)
        try:
            with self.store.transaction(actor) as tx:
                _check_references(tx, spec)
                return tx.create(Kind.SERVICE, service)
        except NameConflictError as error:
            raise StatusError(Code.ALREADY_EXISTS, f"{error}: service {spec.name} already exists") from None

    def update_service(
        self, service_id: str, version: int, spec: ServiceSpec, *, rollback: bool, actor: Actor
    ) -> Service:
        """Replace the spec, or with `rollback` go back to the spec before; `version` is the one the caller has seen."""
        validate_service_spec(spec)
        self._check_networks(spec)
        known = self.service(service_id)
        if spec.endpoint_spec is not None and spec.endpoint_spec != known.spec.endpoint_spec:
            self._check_ports(spec, service_id)
        try:
            with self.store.transaction(actor) as tx:
                service = self.service(service_id)
                _check_change(service.spec, spec, tx)
                changed = msgspec.structs.replace(service, version=version)
                if service.job_status is not None:
                    iteration = JobStatus(job_iteration=service.job_status.job_iteration + 1, last_execution=tx.at)
                    changed = msgspec.structs.replace(changed, job_status=iteration)
                changed = _rolled_back(changed, tx.at) if rollback else _respecified(changed, spec)
                self._check_ingress(changed)
                return tx.update(Kind.SERVICE, changed)
        except SequenceConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None

    def remove_service(self, service_id: str, actor: Actor) -> None:
        """Remove a service; its tasks end in the background."""
        with self.store.transaction(actor) as tx:
            self.service(service_id)
            tx.delete(Kind.SERVICE, service_id)

    def service_statuses(self, service_ids: list[str]) -> dict[str, ServiceStatus]:
        """Counts for `docker service ls`."""
        return {service_id: self._status(service_id) for service_id in service_ids}

    def _status(self, service_id: str) -> ServiceStatus:
        service = self.store.tables.services.get(service_id)
        if service is None:
            return ServiceStatus(0, 0, 0)
        key = (service_id, service.job_status.job_iteration if service.job_status is not None else None)
        running, completed = self.tally.running[key], self.tally.completed[key]
        mode = service.spec.mode
        if mode.replicated is not None:
            return ServiceStatus(running, service.replicas, 0)
        if mode.replicated_job is not None:
            return ServiceStatus(running, mode.replicated_job.max_concurrent or 0, completed)
        if mode.global_job is not None:
            return ServiceStatus(running, self.tally.under_way[key], completed)
        return ServiceStatus(running, self.tally.desired[key], 0)

    def _check_networks(self, spec: ServiceSpec) -> None:
        for attachment in (*spec.networks, *spec.task_template.networks):
            network = self.store.tables.networks.get(attachment.target)
            if network is not None and network.spec.ingress:
                raise invalid_argument(
                    f'Service cannot be explicitly attached to the ingress network "{network.spec.name}"'
                )

    def _check_ingress(self, service: Service) -> None:
        if ingress_ports(service) and not any(network.spec.ingress for network in self.store.tables.networks):
            raise failed_precondition("service needs ingress network, but no ingress network is present")

    def _check_ports(self, spec: ServiceSpec, service_id: str) -> None:
        """Refuse a published port that another service has, be it by its spec or by allocation."""
        wanted = spec.endpoint_spec.ports if spec.endpoint_spec is not None else ()
        ingress = {(p.published_port, p.protocol) for p in wanted if p.publish_mode == "ingress" and p.published_port}
        host = {(p.published_port, p.protocol) for p in wanted if p.publish_mode == "host" and p.published_port}
        if not ingress and not host:
            return
        for other in self.store.tables.services:
            if other.id == service_id:
                continue
            theirs = other.spec.endpoint_spec.ports if other.spec.endpoint_spec is not None else ()
            for port in (*theirs, *(other.endpoint.ports if other.endpoint is not None else ())):
                key = (port.published_port, port.protocol)
                owner = f"port '{port.published_port}' is already in use by service '{other.spec.name}' ({other.id})"
                if port.publish_mode == "host" and key in ingress:
                    raise invalid_argument(f"{owner} as a host-published port")
                if port.publish_mode == "ingress" and key in ingress | host:
                    raise invalid_argument(f"{owner} as an ingress port")


def _check_references(tx: Transaction, spec: ServiceSpec) -> None:
    """Secrets, then configs, must exist under the id and name given."""
    container = spec.task_template.container_spec
    if container is None:
        return
    missing = []
    for secret_ref in container.secrets:
        secret = tx.tables.secrets.get(secret_ref.secret_id)
        if secret is None or secret.spec.name != secret_ref.secret_name:
            missing.append(secret_ref.secret_name)
    if missing:
        raise invalid_argument(f"{'secret' if len(missing) == 1 else 'secrets'} not found: {', '.join(missing)}")
    for config_ref in container.configs:
        config = tx.tables.configs.get(config_ref.config_id)
        if config is None or config.spec.name != config_ref.config_name:
            missing.append(config_ref.config_name)
    if missing:
        raise invalid_argument(f"{'config' if len(missing) == 1 else 'configs'} not found: {', '.join(missing)}")


def _check_change(old: ServiceSpec, new: ServiceSpec, tx: Transaction) -> None:
    """What an update may not do."""
    if old.networks != new.networks and old.task_template.networks == new.task_template.networks:
        raise StatusError(Code.UNIMPLEMENTED, "networks must be migrated to TaskSpec before being changed")
    _check_references(tx, new)
    modes = [tuple(getattr(spec.mode, name) is not None for name in spec.mode.__struct_fields__) for spec in (old, new)]
    if modes[0] != modes[1]:
        raise StatusError(Code.UNIMPLEMENTED, "service mode change is not allowed")
    if old.name != new.name:
        raise StatusError(Code.UNIMPLEMENTED, "renaming services is not supported")


def _respecified(service: Service, spec: ServiceSpec) -> Service:
    """Any change by a client, scaling and labels included, moves the rollback target and clears the update status."""
    return msgspec.structs.replace(
        service,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        spec=spec,
        spec_version=service.version,
        update_status=None,
    )


def _rolled_back(service: Service, now: int) -> Service:
    """Spec and previous spec swapped, so that a second rollback is a redo."""
    if service.previous_spec is None:
        raise failed_precondition(f"service {service.id} does not have a previous spec")
    return msgspec.structs.replace(
        service,
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        previous_spec=service.spec,
        previous_spec_version=service.spec_version,
        update_status=UpdateStatus(state="rollback_started", message="manually requested rollback", started_at=now),
    )
