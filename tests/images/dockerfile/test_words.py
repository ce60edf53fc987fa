import pytest

from swarmlab.images.dockerfile import DockerfileError, expand, expand_words
from swarmlab.images.dockerfile.words import split_words

VARIABLES = {"A": "1", "E": "", "L": "80 443"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A-${A}", "1-1"),
        ("${N}|$N|${E}", "||"),
        ("${A:-x}${E:-y}${N:-z}", "1yz"),
        ("${A:+x}${E:+y}${N:+z}", "x"),
        ("${N:-$A${A:-q}}", "11"),
        ("${A:?no}${A?no}${E?no}", "11"),
        ("\\$A", "$A"),
        ("'$A'\"$A\"", "$A1"),
        ('"a\\"b\\\\c\\d"', 'a"b\\c\\d'),
        ("a\\ b", "a b"),
        ("$ 5$%", "$ 5$%"),
        ("$12x$", "x$"),
        ("é$A", "é1"),
    ],
)
def test_variables_and_quotes(text: str, expected: str) -> None:
    assert expand(text, VARIABLES, "\\") == expected


def test_another_escape() -> None:
    assert expand("`$A\\$A", VARIABLES, "`") == "$A\\1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${A", "missing ':' in substitution"),
        ("${", "syntax error: missing '}'"),
        ("${}", "syntax error: bad substitution"),
        ("${A:-x", "syntax error: missing '}'"),
        ("${A:x}", "unsupported modifier (x) in substitution"),
        ("${N:?gone}", "N: gone"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${N?}", "N: is not allowed to be unset"),
        ("'a", "unexpected end of statement while looking for matching single-quote"),
        ('"a', "unexpected end of statement while looking for matching double-quote"),
    ],
)
def test_bad_substitutions(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as error:
        expand(text, VARIABLES, "\\")
    shown = text.replace('"', '\\"')
    assert str(error.value) == f'failed to process "{shown}": {reason}'


def test_substitutions_have_a_depth() -> None:
    with pytest.raises(DockerfileError, match="nested too deeply"):
        expand("${A:-" * 5000, VARIABLES, "\\")


def test_a_variable_may_be_several_words() -> None:
    assert expand_words('$L "$L" 1\\ 2', VARIABLES, "\\") == ["80", "443", "80 443", "1 2"]


def test_words_keep_their_quotes() -> None:
    assert split_words('a="b c" \'d e\' f\\ g "" h\\', "\\") == ['a="b c"', "'d e'", "f\\ g", '""', "h"]
