"""What the daemon makes of a service spec. What is expected here is what engine 20.10 answered."""

import pytest

from swarmlab.engine.errors import EngineError
from swarmlab.engine.task.convert import canonical_service_spec
from swarmlab.objects import ContainerSpec, ServiceSpec, TaskSpec
from swarmlab.objects.container import BindOptions, CredentialSpec, Mount, Privileges
from swarmlab.objects.service import GlobalService, ReplicatedService, RuntimeSpec, ServiceMode


def stored(mount: Mount) -> Mount:
    template = TaskSpec(container_spec=ContainerSpec(image="alpine", mounts=(mount,)))
    container = canonical_service_spec(ServiceSpec(name="web", task_template=template)).task_template.container_spec
    assert container is not None
    return container.mounts[0]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (Mount(target="/e"), Mount(type="bind", target="/e")),
        (Mount(type="VOLUME", target="/e"), Mount(type="volume", target="/e")),
        (Mount(type="bind", target="/e", consistency="cached"), Mount(type="bind", target="/e")),
        (Mount(type="bind", target="/e", bind_options=BindOptions()), Mount(type="bind", target="/e")),
        (
            Mount(type="bind", target="/e", bind_options=BindOptions(propagation="RSHARED")),
            Mount(type="bind", target="/e", bind_options=BindOptions(propagation="rshared")),
        ),
        (
            Mount(type="bind", target="/e", bind_options=BindOptions(non_recursive=True)),
            Mount(type="bind", target="/e", bind_options=BindOptions(propagation="rprivate", non_recursive=True)),
        ),
    ],
)
def test_a_mount_is_kept_in_swarmkits_words(asked: Mount, kept: Mount) -> None:
    assert stored(asked) == kept


@pytest.mark.parametrize(
    ("mount", "text"),
    [
        (Mount(type="Bogus"), 'invalid MountType: "Bogus"'),
        (Mount(type="volume", bind_options=BindOptions(propagation="Bogus")), 'invalid MountPropagation: "Bogus"'),
    ],
)
def test_a_mount_that_swarmkit_has_no_word_for_is_refused(mount: Mount, text: str) -> None:
    with pytest.raises(EngineError) as caught:
        stored(mount)
    assert (str(caught.value), caught.value.status) == (text, 400)


@pytest.mark.parametrize(
    ("credentials", "text"),
    [
        (CredentialSpec(), 'must either provide "file", "registry", or "config" for credential spec'),
        (CredentialSpec(file="a", config="b"), 'cannot specify both "config" and "file" credential specs'),
        (CredentialSpec(file="a", registry="b"), 'cannot specify both "file" and "registry" credential specs'),
        (
            CredentialSpec(file="a", registry="b", config="c"),
            'cannot specify both "config", "file", and "registry" credential specs',
        ),
    ],
)
def test_credentials_come_from_one_place(credentials: CredentialSpec, text: str) -> None:
    container = ContainerSpec(image="x", privileges=Privileges(credential_spec=credentials))
    with pytest.raises(EngineError) as caught:
        canonical_service_spec(ServiceSpec(name="s", task_template=TaskSpec(container_spec=container)))
    assert (str(caught.value), caught.value.status) == (f"invalid CredentialSpec: {text}", 400)


@pytest.mark.parametrize(
    ("task", "mode", "text", "status"),
    [
        (TaskSpec(runtime="bogus", container_spec=ContainerSpec(image="x")), ServiceMode(), "unsupported runtime", 400),
        (TaskSpec(runtime="attachment"), ServiceMode(), "unsupported runtime", 400),
        (TaskSpec(runtime="container"), ServiceMode(), "mismatched Runtime and *Spec fields", 400),
        (
            TaskSpec(runtime="plugin", container_spec=ContainerSpec(image="x")),
            ServiceMode(),
            "mismatched Runtime and *Spec fields",
            400,
        ),
        (
            TaskSpec(runtime="plugin", plugin_spec=RuntimeSpec()),
            ServiceMode(replicated=ReplicatedService()),
            "plugins must not use replicated mode",
            400,
        ),
        (
            TaskSpec(runtime="plugin", plugin_spec=RuntimeSpec()),
            ServiceMode(global_=GlobalService()),
            'runtime type "plugin" only supported in experimental',
            500,
        ),
    ],
)
def test_services_are_of_containers(task: TaskSpec, mode: ServiceMode, text: str, status: int) -> None:
    with pytest.raises(EngineError) as caught:
        canonical_service_spec(ServiceSpec(name="web", task_template=task, mode=mode))
    assert (str(caught.value), caught.value.status) == (text, status)
