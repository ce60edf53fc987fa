"""What goes with the lines of a container's log (MB: daemon/logger/loginfo.go)."""

import pytest

from swarmlab.engine.container.logstart import log_details
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, LogConfig


def tagged(template: str) -> str:
    config = LogConfig(config={"tag": template})
    container = Container(
        id="0123456789abcdef" * 4, name="my-box", image="busybox", path="echo", args=("hi", "there"),
        labels={"b": "2", "a": "1"}, host=HostConfig(log_config=config),
    )  # fmt: skip
    return log_details(container)["tag"]


@pytest.mark.parametrize(
    ("template", "tag"),
    [
        ("{{.ImageName}}/{{.Name}}/{{.ID}}", "busybox/my-box/0123456789ab"),
        ("{{.Command}} {{.ContainerName}}", "echo hi there /my-box"),
        ("{{.Name | upper}} {{title .Name}} {{lower `A`}}", "MY-BOX My-Box a"),
        ("<{{pad .Name 1 2}}> {{truncate .FullID 3}}", "< my-box  > 012"),
        ("{{json .ContainerLabels}} {{.ContainerLabels.b}}", '{"a":"1","b":"2"} 2'),
        ("{{if .ContainerLabels}}labelled{{else}}plain{{end}}", "labelled"),
    ],
)
def test_a_tag_is_a_template_of_go(template: str, tag: str) -> None:
    assert tagged(template) == tag
