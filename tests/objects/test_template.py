"""Templates in a container's spec (SK: template/expand_test.go, context_test.go)."""

import pytest

from swarmlab.objects import ContainerSpec, Driver, NodeDescription, Platform, Task, TaskSpec
from swarmlab.objects.container import Mount, VolumeOptions
from swarmlab.objects.template import TemplateError, expand_container, expand_payload

TASK = Task(
    id="t", spec=TaskSpec(), service_id="s", service_name="web", slot=3, node_id="n", service_labels={"tier": "front"}
)
NODE = NodeDescription(hostname="node-1", platform=Platform(os="linux", architecture="x86_64"))


def expand(text: str, task: Task = TASK) -> str:
    return expand_container(ContainerSpec(hostname=text), task, NODE).hostname


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain {", "plain {"),
        ("{{.Service.Name}}-{{ .Task.Slot }}", "web-3"),
        ("{{.Service.ID}} {{.Task.ID}} {{.Task.Name}}", "s t web.3.t"),
        ("{{- .Node.Hostname -}}", "node-1"),
        ("{{.Node.ID}} {{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}", "n linux/x86_64"),
        ('{{index .Service.Labels "tier"}}{{index .Service.Labels "none"}}', "front"),
        ("{{.Service.Labels.tier}}", "front"),
        ('{{join "-" .Service.Name .Service.Labels.tier "x y"}}{{join ","}}', "web-front-x y"),
    ],
)
def test_fields_are_replaced(template: str, text: str) -> None:
    assert expand(template) == text


def test_a_task_without_a_slot_has_its_node_instead() -> None:
    assert expand("{{.Task.Slot}}", Task(id="t", spec=TaskSpec(), node_id="n")) == "n"


def test_the_values_of_variables_and_the_ends_of_mounts_are_templates() -> None:
    spec = ContainerSpec(
        env=("A={{.Task.ID}}=x", "{{.Task.ID}}", "{{.Task.ID}}=y"),
        mounts=(Mount(type="bind", source="/{{.Task.ID}}", target="/{{.Node.ID}}"),),
    )
    found = expand_container(spec, TASK, NODE)
    assert found.env == ("A=t=x", "{{.Task.ID}}", "{{.Task.ID}}=y")
    assert [(m.source, m.target) for m in found.mounts] == [("/t", "/n")]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            "{{.Bogus}}",
            """1:2: executing "expansion" at <.Bogus>: can't evaluate field Bogus in type *template.Context""",
        ),
        (
            "a\n {{ .Task.Bogus }}",
            """2:9: executing "expansion" at <.Task.Bogus>: can't evaluate field Bogus in """
            "type struct { ID string; Name string; Slot string }",
        ),
        (
            "{{.Node.Platform.Bits}}",
            """1:7: executing "expansion" at <.Node.Platform.Bits>: """
            "can't evaluate field Bits in type template.Platform",
        ),
        (
            "{{.Service.Labels.none}}",
            """1:10: executing "expansion" at <.Service.Labels.none>: map has no entry for key "none\"""",
        ),
        (
            '{{join "-" .Task.Bogus}}',
            """1:16: executing "expansion" at <.Task.Bogus>: can't evaluate field Bogus in """
            "type struct { ID string; Name string; Slot string }",
        ),
        ("{{bogus}}", '1: function "bogus" not defined'),
        ("{{}}", "1: missing value for command"),
        ("{{.Task.ID", "1: unclosed action"),
    ],
)
def test_what_cannot_be_expanded_is_said_as_go_says_it(template: str, text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand(template)
    assert str(caught.value) == f"expanding hostname failed: template: expansion:{text}"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (ContainerSpec(env=("A=1", "B={{x}}")), 'expanding env failed: expanding env "B={{x}}": '),
        (ContainerSpec(env=('B="{{x}}"',)), 'expanding env failed: expanding env "B=\\"{{x}}\\"": '),
        (ContainerSpec(mounts=(Mount(source="{{x}}"),)), 'expanding mounts failed: expanding mount source "{{x}}": '),
        (ContainerSpec(mounts=(Mount(target="{{x}}"),)), 'expanding mounts failed: expanding mount target "{{x}}": '),
        (
            ContainerSpec(mounts=(Mount(volume_options=VolumeOptions(labels={"a": "{{x}}"})),)),
            'expanding mounts failed: expanding volume labels: expanding map entry "a"="{{x}}": ',
        ),
        (
            ContainerSpec(mounts=(Mount(volume_options=VolumeOptions(driver_config=Driver(options={"a": "{{x}}"}))),)),
            'expanding mounts failed: expanding volume driver config: expanding map entry "a"="{{x}}": ',
        ),
    ],
)
def test_the_error_names_the_place(spec: ContainerSpec, text: str) -> None:
    with pytest.raises(TemplateError) as caught:
        expand_container(spec, TASK, NODE)
    assert str(caught.value) == f'{text}template: expansion:1: function "x" not defined'


def _known(name: str) -> str:
    if name != "known":
        raise LookupError(f"secret target {name} not found")
    return "value"


def test_what_a_payload_calls_is_asked_for_and_other_bytes_stay() -> None:
    data = b'\xff {{ secret "known" }}\n{{.Service.Name}}'
    assert expand_payload(data, TASK, NODE, {"secret": _known}) == b"\xff value\nweb"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (
            'a\n{{secret "x"}}',
            'template: expansion:2:2: executing "expansion" at <secret "x">: '
            "error calling secret: secret target x not found",
        ),
        (
            "{{.Foo}}",
            'template: expansion:1:2: executing "expansion" at <.Foo>: '
            "can't evaluate field Foo in type *template.PayloadContext",
        ),
        ('{{config "known"}}', 'template: expansion:1: function "config" not defined'),
    ],
)
def test_what_a_payload_cannot_be_expanded_to_is_said_as_go_says_it(template: str, text: str) -> None:
    with pytest.raises(TemplateError) as error:
        expand_payload(template.encode(), TASK, NODE, {"secret": _known})
    assert str(error.value) == text
