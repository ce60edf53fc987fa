import pytest

from swarmlab.api.errors import ApiError
from swarmlab.api.query import Filters, parse_bool, parse_instant, parse_version, truthy


def test_the_daemon_s_own_booleans() -> None:
    assert [word for word in ("", "0", "no", "False", " none ", "1", "true", "yes", "x") if truthy(word)] == [
        "1", "true", "yes", "x",
    ]  # fmt: skip


def test_go_s_booleans() -> None:
    assert parse_bool("T", "status")
    assert not parse_bool("", "status")
    with pytest.raises(ApiError) as caught:
        parse_bool("foo", "status")
    assert str(caught.value) == 'invalid value for status: foo: strconv.ParseBool: parsing "foo": invalid syntax'


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a", "invalid syntax"), ("", "invalid syntax"), ("-1", "invalid syntax"), (str(1 << 64), "value out of range")],
)
def test_a_version_is_an_unsigned_number(text: str, reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_version(text, "service")
    assert str(caught.value) == f"invalid service version '{text}': strconv.ParseUint: parsing \"{text}\": {reason}"


def test_instants_have_seconds_and_maybe_a_fraction() -> None:
    assert [parse_instant(text) for text in ("", "5", "5.5", "5.000000001")] == [
        0, 5_000_000_000, 5_500_000_000, 5_000_000_001,
    ]  # fmt: skip
    with pytest.raises(ApiError, match="invalid syntax"):
        parse_instant("yesterday")


def test_filters_come_in_two_forms() -> None:
    for text in ('{"name": {"a": true, "b": false}}', '{"name": ["a", "b"]}'):
        assert Filters.parse(text).get("name") == ("a", "b")
    assert Filters.parse('{"name": {"a": null}}').get("name") == ("a",)
    assert Filters.parse('{"name": null}').get("name") == ()
    for text in ("xx", "[]", '{"name": "a"}', '{"name": {"a": 1}}'):
        with pytest.raises(ApiError) as caught:
            Filters.parse(text)
        assert caught.value.status == 400


def test_an_unknown_filter_is_named() -> None:
    with pytest.raises(ApiError, match="Invalid filter 'bogus'"):
        Filters.parse('{"bogus": ["1"]}').validate("name")


def test_matching() -> None:
    filters = Filters({"name": ["we"], "label": ["a", "b=", "c=1"], "id": ["^x.z$"], "is-task": ["bla"]})
    assert filters.prefix("name", "web")
    assert not filters.prefix("name", "sweb")
    assert filters.match("id", "xyz")
    assert not filters.match("id", "xyzz")
    labels = {"a": "9", "b": "9", "c": "1"}
    assert filters.labels("label", labels, empty_matches=True)
    assert not filters.labels("label", labels)
    assert not filters.labels("label", {**labels, "c": "2"}, empty_matches=True)
    assert filters.exact("absent", "anything")
    with pytest.raises(ApiError, match=r"Invalid filter 'is-task=\[bla\]'"):
        filters.flag("is-task")
