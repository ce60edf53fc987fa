"""Secrets and configs (SK: manager/controlapi/{secret,config}_test.go)."""

from base64 import b64encode
from typing import Any

import pytest

from swarmlab.objects import BlobSpec, Driver
from swarmlab.objects.container import ConfigReference, FileTarget, RuntimeTarget, SecretReference
from tests.support.cluster import ACTOR, Cluster, replace
from tests.support.specs import service_spec

from .conftest import Refused

KINDS = pytest.mark.parametrize("kind", ["secret", "config"])
LIMIT = {"secret": 512_000, "config": 1_024_000}


def blob(name: str = "b", data: bytes = b"x", **more: Any) -> BlobSpec:
    return BlobSpec(name=name, data=b64encode(data).decode(), **more)


def create(swarm: Cluster, kind: str, spec: BlobSpec) -> Any:
    return getattr(swarm.api, f"create_{kind}")(spec, ACTOR)


def using(kind: str, *references: SecretReference | ConfigReference, name: str = "web") -> Any:
    spec = service_spec(name)
    assert spec.task_template.container_spec is not None
    container = replace(spec.task_template.container_spec, **{f"{kind}s": references})
    return replace(spec, task_template=replace(spec.task_template, container_spec=container))


def reference(kind: str, object_id: str, name: str, target: str | None = "t") -> SecretReference | ConfigReference:
    file = None if target is None else FileTarget(name=target)
    if kind == "secret":
        return SecretReference(file=file, secret_id=object_id, secret_name=name)
    return ConfigReference(file=file, config_id=object_id, config_name=name)


@KINDS
@pytest.mark.parametrize("name", ["a", "A.b-c_d", "9", "a" * 64, "a.b"])
def test_names_that_are_good(swarm: Cluster, kind: str, name: str) -> None:
    assert create(swarm, kind, blob(name)).spec.name == name


@KINDS
@pytest.mark.parametrize("name", ["-a", "a-", ".a", "a.", "a b", "a/b", "a" * 65, "a\n"])
def test_names_that_are_not(swarm: Cluster, kind: str, name: str) -> None:
    text = (
        "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]"
    )
    with Refused(swarm, "InvalidArgument", text):
        create(swarm, kind, blob(name))


@KINDS
def test_a_name_must_be_given(swarm: Cluster, kind: str) -> None:
    with Refused(swarm, "InvalidArgument", "name must be provided"):
        create(swarm, kind, blob(""))


@KINDS
def test_a_name_is_taken_once_whatever_the_case(swarm: Cluster, kind: str) -> None:
    create(swarm, kind, blob("site"))
    with Refused(swarm, "AlreadyExists", f"{kind} SITE already exists"):
        create(swarm, kind, blob("SITE"))


@KINDS
def test_how_large_data_may_be(swarm: Cluster, kind: str) -> None:
    limit = LIMIT[kind]
    text = f"{kind} data must be larger than 0 and less than {limit} bytes"
    for size in (0, limit):
        with Refused(swarm, "InvalidArgument", text):
            create(swarm, kind, blob(data=b"x" * size))
    assert create(swarm, kind, blob(data=b"x" * (limit - 1))).id


def test_drivers_of_secrets(swarm: Cluster) -> None:
    with Refused(swarm, "InvalidArgument", "secret driver must have a name"):
        create(swarm, "secret", BlobSpec(name="b", driver=Driver()))
    with Refused(swarm, "Unknown", 'plugin "vault" not found'):
        create(swarm, "secret", BlobSpec(name="b", driver=Driver(name="vault")))


@KINDS
def test_only_labels_may_change(swarm: Cluster, kind: str) -> None:
    made = create(swarm, kind, blob())
    change = getattr(swarm.api, f"update_{kind}")
    for spec in (blob("other"), blob(data=b"y"), replace(blob(), templating=Driver(name="golang"))):
        with Refused(swarm, "InvalidArgument", "only updates to Labels are allowed"):
            change(made.id, made.version, spec, ACTOR)
    labelled = change(made.id, made.version, blob(labels={"a": "b"}), ACTOR)
    again = change(made.id, labelled.version, BlobSpec(name="b", labels={"c": "d"}), ACTOR)
    assert (again.spec.labels, again.spec.data) == ({"c": "d"}, made.spec.data)
    with Refused(swarm, "Unknown", "update out of sequence"):
        change(made.id, made.version, blob(), ACTOR)


@KINDS
def test_what_is_not_there(swarm: Cluster, kind: str) -> None:
    with Refused(swarm, "NotFound", f"could not find {kind} x"):
        getattr(swarm.api, f"remove_{kind}")("x", ACTOR)
    with Refused(swarm, "NotFound", f"{kind} x not found"):
        getattr(swarm.api, kind)("x")
    with Refused(swarm, "NotFound", f"{kind} x not found"):
        getattr(swarm.api, f"update_{kind}")("x", 1, blob(), ACTOR)


@KINDS
def test_what_a_service_uses_stays(swarm: Cluster, kind: str) -> None:
    made = create(swarm, kind, blob())
    remove = getattr(swarm.api, f"remove_{kind}")
    swarm.create(using(kind, reference(kind, made.id, "b"), name="one"))
    with Refused(swarm, "InvalidArgument", f"{kind} 'b' is in use by the following service: one"):
        remove(made.id, ACTOR)
    swarm.create(using(kind, reference(kind, made.id, "b"), name="two"))
    with Refused(swarm, "InvalidArgument", f"{kind} 'b' is in use by the following services: one, two"):
        remove(made.id, ACTOR)
    swarm.remove("one")
    swarm.update(service_spec("two"))
    remove(made.id, ACTOR)
    swarm.rollback("two")
    assert swarm.service("two").previous_spec is not None, "a rollback does not check what is gone"


@KINDS
def test_references_that_are_malformed(swarm: Cluster, kind: str) -> None:
    one, two = create(swarm, kind, blob("one")), create(swarm, kind, blob("two"))
    cases = [
        ((reference(kind, "", "one"),), f"malformed {kind} reference"),
        ((reference(kind, one.id, ""),), f"malformed {kind} reference"),
        ((reference(kind, one.id, "one", None),), f"malformed {kind} reference, no target provided"),
        (
            (reference(kind, one.id, "one", ""),),
            f"malformed file {kind} reference, invalid target file name provided",
        ),
        (
            (reference(kind, one.id, "one", "t"), reference(kind, two.id, "two", "t")),
            f"{kind} references 'one' and 'two' have a conflicting target: 't'",
        ),
    ]
    for references, text in cases:
        with Refused(swarm, "InvalidArgument", text):
            swarm.create(using(kind, *references))


@KINDS
def test_references_to_what_is_not_there(swarm: Cluster, kind: str) -> None:
    one = create(swarm, kind, blob("one"))
    cases = [
        ((reference(kind, "x", "gone"),), f"{kind} not found: gone"),
        ((reference(kind, one.id, "misnamed"),), f"{kind} not found: misnamed"),
        (
            (reference(kind, "x", "gone", "a"), reference(kind, "y", "lost", "b")),
            f"{kind}s not found: gone, lost",
        ),
    ]
    for references, text in cases:
        with Refused(swarm, "InvalidArgument", text):
            swarm.create(using(kind, *references))


def test_a_config_for_the_runtime_needs_no_file(swarm: Cluster) -> None:
    made = create(swarm, "config", blob())
    use = ConfigReference(runtime=RuntimeTarget(), config_id=made.id, config_name="b")
    assert swarm.create(using("config", use)).id


def test_a_secret_and_a_config_may_have_the_same_target(swarm: Cluster) -> None:
    secret, config = create(swarm, "secret", blob()), create(swarm, "config", blob())
    spec = using("secret", reference("secret", secret.id, "b"))
    both = replace(spec.task_template.container_spec, configs=(reference("config", config.id, "b"),))
    assert swarm.create(replace(spec, task_template=replace(spec.task_template, container_spec=both))).id
