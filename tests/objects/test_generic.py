"""User-defined resources as dockerd is told of them (SK: api/genericresource/parse_test.go)."""

import pytest

from swarmlab.objects.generic import amounts, discrete, environment, named, parse


def test_a_number_is_so_many_units_and_anything_else_is_a_name() -> None:
    found = parse(["gpu=UUID1", "ssd = 4", "gpu=UUID2", "disk=2x"])
    assert found == (named("gpu", "UUID1"), named("gpu", "UUID2"), discrete("ssd", 4), named("disk", "2x"))
    assert amounts(found) == {"gpu": 2, "ssd": 4, "disk": 1}


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        (["gpu"], "incorrect term gpu, missing '=' or malformed expression"),
        (["gpu=a=b"], "incorrect term gpu=a=b, missing '=' or malformed expression"),
        (["gpu=-1"], "cannot ask for negative resource gpu"),
        (["foo=bar", "foo=1"], "mixed discrete and named resources in expression 'foo=[bar 1]'"),
        (["foo=1", "foo=2"], "mixed discrete and named resources in expression 'foo=[1 2]'"),
    ],
)
def test_what_cannot_be_configured(terms: list[str], text: str) -> None:
    with pytest.raises(ValueError, match="^could not parse GenericResource: ") as refused:
        parse(terms)
    assert str(refused.value) == f"could not parse GenericResource: {text}"


def test_a_container_is_told_what_it_got() -> None:
    units = (named("gpu", "UUID1"), discrete("ssd", 2), named("gpu", "UUID2"))
    assert environment(units) == ("DOCKER_RESOURCE_GPU=UUID1,UUID2", "DOCKER_RESOURCE_SSD=2")
    assert environment(()) == ()
