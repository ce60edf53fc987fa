import pytest

from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.images.dockerfile.health import health_config
from swarmlab.objects.container import HealthConfig

SECOND = 10**9


def test_a_check_with_all_its_times() -> None:
    flags = {"interval": "1m30s", "timeout": "1.5s", "start-period": "2h", "start-interval": "100ms", "retries": "3"}
    assert health_config(("cmd", "a"), flags, is_json=True) == HealthConfig(
        test=("CMD", "a"),
        interval=90 * SECOND,
        timeout=1_500_000_000,
        start_period=7200 * SECOND,
        start_interval=100_000_000,
        retries=3,
    )
    assert health_config(("CMD", "a b"), {}, is_json=False) == HealthConfig(test=("CMD-SHELL", "a b"))


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"interval": "1x"}, 'time: unknown unit "x" in duration "1x"'),
        ({"interval": "1"}, 'time: missing unit in duration "1"'),
        ({"timeout": "x"}, 'time: invalid duration "x"'),
        ({"interval": "1us"}, 'Interval "interval" cannot be less than 1ms'),
        ({"interval": "-1s"}, 'Interval "interval" cannot be less than 1ms'),
        ({"retries": "x"}, 'strconv.ParseInt: parsing "x": invalid syntax'),
        ({"retries": "9" * 30}, f'strconv.ParseInt: parsing "{"9" * 30}": value out of range'),
        ({"retries": "0"}, "--retries must be at least 1 (not 0)"),
    ],
)
def test_bad_times(flags: dict[str, str], reason: str) -> None:
    with pytest.raises(DockerfileError) as error:
        health_config(("CMD", "a"), flags, is_json=False)
    assert str(error.value) == reason
