"""Secrets and configs (SK: manager/controlapi/{secret,config}.go, api/validation/secrets.go)."""

import base64
import binascii
from typing import TypeVar

import msgspec

from swarmlab.manager.controlapi.names import check_blob_name
from swarmlab.manager.errors import Code, StatusError, invalid_argument, not_found
from swarmlab.objects import BlobSpec, Config, Secret, Service, new_id
from swarmlab.store import Actor, Kind, NameConflictError, SequenceConflictError, Store

_LIMITS = {Kind.SECRET: 512_000, Kind.CONFIG: 1_024_000}
_Blob = TypeVar("_Blob", Secret, Config)


class BlobAPI:
    """Create, update, remove and look at secrets and configs."""

    store: Store

    def secrets(self) -> list[Secret]:
        """All secrets, oldest first, data included: the caller must not pass it on."""
        return list(self.store.tables.secrets)

    def secret(self, secret_id: str) -> Secret:
        """One secret by id. Raises StatusError (NotFound)."""
        return _found(self.store.tables.secrets.get(secret_id), Kind.SECRET, secret_id)

    def create_secret(self, spec: BlobSpec, actor: Actor) -> Secret:
        """A new secret."""
        return self._create(Kind.SECRET, Secret(id=new_id(), spec=spec), actor)

    def update_secret(self, secret_id: str, version: int, spec: BlobSpec, actor: Actor) -> Secret:
        """Change a secret's labels; anything else is refused."""
        return self._update(Kind.SECRET, self.secret(secret_id), version, spec, actor)

    def remove_secret(self, secret_id: str, actor: Actor) -> None:
        """Remove a secret that no service's current spec uses."""
        self._remove(Kind.SECRET, secret_id, actor)

    def configs(self) -> list[Config]:
        """All configs, oldest first."""
        return list(self.store.tables.configs)

    def config(self, config_id: str) -> Config:
        """One config by id. Raises StatusError (NotFound)."""
        return _found(self.store.tables.configs.get(config_id), Kind.CONFIG, config_id)

    def create_config(self, spec: BlobSpec, actor: Actor) -> Config:
        """A new config."""
        return self._create(Kind.CONFIG, Config(id=new_id(), spec=spec), actor)

    def update_config(self, config_id: str, version: int, spec: BlobSpec, actor: Actor) -> Config:
        """Change a config's labels; anything else is refused."""
        return self._update(Kind.CONFIG, self.config(config_id), version, spec, actor)

    def remove_config(self, config_id: str, actor: Actor) -> None:
        """Remove a config that no service's current spec uses."""
        self._remove(Kind.CONFIG, config_id, actor)

    def _create(self, kind: Kind, blob: _Blob, actor: Actor) -> _Blob:
        spec = blob.spec
        check_blob_name(spec.name)
        if kind is Kind.SECRET and spec.driver is not None:
            if not spec.driver.name:
                raise invalid_argument("secret driver must have a name")
            if spec.data:
                raise invalid_argument("secret data must be empty when using a secret driver")
            # There are no plugins.
            raise StatusError(Code.UNKNOWN, f'plugin "{spec.driver.name}" not found')
        limit = _LIMITS[kind]
        if not 0 < len(_decoded(spec.data)) < limit:
            raise invalid_argument(f"{kind} data must be larger than 0 and less than {limit} bytes")
        try:
            with self.store.transaction(actor) as tx:
                return tx.create(kind, blob)
        except NameConflictError:
            raise StatusError(Code.ALREADY_EXISTS, f"{kind} {spec.name} already exists") from None

    def _update(self, kind: Kind, blob: _Blob, version: int, spec: BlobSpec, actor: Actor) -> _Blob:
        other_data = bool(spec.data) and spec.data != blob.spec.data
        if spec.name != blob.spec.name or other_data or spec.templating != blob.spec.templating:
            raise invalid_argument("only updates to Labels are allowed")
        changed = msgspec.structs.replace(
            blob, version=version, spec=msgspec.structs.replace(blob.spec, labels=spec.labels)
        )
        try:
            with self.store.transaction(actor) as tx:
                return tx.update(kind, changed)
        except SequenceConflictError as error:
            raise StatusError(Code.UNKNOWN, str(error)) from None

    def _remove(self, kind: Kind, blob_id: str, actor: Actor) -> None:
        with self.store.transaction(actor) as tx:
            blob = tx.tables.of(kind).get(blob_id)
            if not isinstance(blob, Secret | Config):
                raise not_found(f"could not find {kind} {blob_id}")
            users: list[Service] = tx.tables.services.by(kind.value, blob_id)
            if users:
                names = ", ".join(service.spec.name for service in users)
                word = "service" if len(users) == 1 else "services"
                raise invalid_argument(f"{kind} '{blob.spec.name}' is in use by the following {word}: {names}")
            tx.delete(kind, blob_id)


def _found(blob: _Blob | None, kind: Kind, blob_id: str) -> _Blob:
    if blob is None:
        raise not_found(f"{kind} {blob_id} not found")
    return blob


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return b""
