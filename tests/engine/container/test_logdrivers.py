"""What `docker logs --details` shows with each line, as seen on a real engine (MB: daemon/logger/loginfo.go)."""

import msgspec
import pytest

from swarmlab.engine.container.logdrivers import details
from swarmlab.objects.local import Container
from swarmlab.objects.run import HostConfig, LogConfig

CONTAINER = Container(
    id="a" * 64, name="zz", image="alpine", image_id="sha256:d6da0e52", labels={"q": "r", "qq": "s"}, env=("E=f", "X=")
)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, {}),
        ({"labels": "q,nosuch", "env": "E,X"}, {"q": "r", "E": "f", "X": ""}),
        ({"labels-regex": "^q", "env-regex": "^E"}, {"q": "r", "qq": "s", "E": "f"}),
        ({"tag": "{{.Name}}/{{ .ID }} {{.ImageID}}"}, {"tag": f"zz/{'a' * 12} sha256:d6da0"}),
    ],
)
def test_the_options_of_the_log_driver_choose_details(options: dict[str, str], shown: dict[str, str]) -> None:
    asked = HostConfig(log_config=LogConfig(type="json-file", config=options))
    for made_by in ({"host": asked}, {"asked": asked, "task_id": "t"}):
        assert details(msgspec.structs.replace(CONTAINER, **made_by)) == shown


def test_other_drivers_keep_no_details() -> None:
    asked = HostConfig(log_config=LogConfig(type="local", config={"labels": "q"}))
    assert details(Container(id="a", name="b", image="c", labels={"q": "r"}, host=asked)) == {}
