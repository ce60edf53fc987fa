"""Numbers, flags and sizes as Go reads them (strconv; docker/go-units)."""

import re

import pytest

from swarmlab.objects.strconv import BINARY, DECIMAL, atoi, parse_bool, parse_size


@pytest.mark.parametrize(
    ("text", "base", "size"),
    [("5k", DECIMAL, 5000), ("5k", BINARY, 5120), ("1.5m", DECIMAL, 1_500_000), ("1 kb", DECIMAL, 1000),
     ("1kib", DECIMAL, 1000), ("7", BINARY, 7), ("0", BINARY, 0)],
)  # fmt: skip
def test_sizes(text: str, base: int, size: int) -> None:
    assert parse_size(text, base) == size


@pytest.mark.parametrize("text", ["", "x", "k", "-1", "-1k", "1e3", "10x", "1  k"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=f"invalid size: '{text}'"):
        parse_size(text, DECIMAL)


def test_flags_and_numbers() -> None:
    assert [parse_bool(text) for text in ("1", "t", "True", "0", "F", "false")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert [atoi(text) for text in ("-3", "+4", "007")] == [-3, 4, 7]
    with pytest.raises(ValueError, match=re.escape('strconv.ParseBool: parsing "yes": invalid syntax')):
        parse_bool("yes")
    with pytest.raises(ValueError, match=re.escape('strconv.Atoi: parsing "1.5": invalid syntax')):
        atoi("1.5")
    with pytest.raises(ValueError, match=re.escape('strconv.Atoi: parsing "9223372036854775808": value out of range')):
        atoi("9223372036854775808")
