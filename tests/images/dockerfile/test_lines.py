import pytest

from swarmlab.images.dockerfile.errors import DockerfileError
from swarmlab.images.dockerfile.lines import flag_values, read_lines


def originals(text: str) -> list[tuple[int, str]]:
    return [(line.number, line.original) for line in read_lines(text).lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\n\n# x\nRUN b", [(1, "FROM a"), (4, "RUN b")]),
        ("\ufeffFROM a\r\nRUN b\r\n", [(1, "FROM a"), (2, "RUN b")]),
        ("RUN a \\\n  b \\\n  && c\nCMD d", [(1, "RUN a   b   && c"), (4, "CMD d")]),
        # As the step is shown: what continues keeps its spaces.
        ("RUN \\\n    apk add\n", [(1, "RUN     apk add")]),
        ("RUN\\\n a", [(1, "RUN a")]),
        ("RUN pack\\\nage", [(1, "RUN package")]),
        # An escaped backslash continues nothing, and a comment neither.
        ("RUN a\\\\\nRUN b", [(1, "RUN a\\\\"), (2, "RUN b")]),
        ("# a \\\n\nRUN b", [(3, "RUN b")]),
        ("RUN a \\\n# x\n  # y \\\nb", [(1, "RUN a b")]),
        ("RUN a \\", [(1, "RUN a ")]),
        ("COMMENT x\n", [(1, "COMMENT x")]),
        ("# escape=`\nRUN a `\n b\nRUN c\\\nRUN d", [(2, "RUN a  b"), (4, "RUN c\\"), (5, "RUN d")]),
        ("# syntax=x\n# escape=`\nRUN a `\n b", [(3, "RUN a  b")]),
        # No directive after anything else.
        ("# hello\n# escape=`\nRUN a\\\n b", [(3, "RUN a b")]),
    ],
)
def test_lines_are_joined_as_docker_joins_them(text: str, expected: list[tuple[int, str]]) -> None:
    assert originals(text) == expected


def test_empty_lines_within_an_instruction_are_warned_of() -> None:
    found = read_lines("FROM a\nRUN a \\\n\n\n  b \\\n# x\n\n  c\nRUN d\n")
    assert [line.original for line in found.lines] == ["FROM a", "RUN a   b   c", "RUN d"]
    assert found.warnings == (
        "[WARNING]: Empty continuation line found in:\n    RUN a   b   c\n"
        "[WARNING]: Empty continuation lines will become errors in a future release.\n"
    )
    assert read_lines("FROM a\nRUN a \\\n# x\n  b\n").warnings == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# hi\n", "file with no instructions"),
        ("# escape=x\nFROM a", "invalid escape token 'x' does not match ` or \\"),
        ("# escape=`\n# escape=`\nFROM a", "only one escape parser directive can be used"),
        ("RUN " + "x" * 65536, "dockerfile line greater than max allowed size of 65535"),
    ],
)
def test_texts_that_are_no_dockerfile(text: str, reason: str) -> None:
    with pytest.raises(DockerfileError) as error:
        read_lines(text)
    assert str(error.value) == reason


def test_flags_are_apart() -> None:
    (line,) = read_lines("COPY --from=a --chown='b c' --  --x /y\n").lines
    assert (line.word, line.flags, line.rest) == ("copy", ("--from=a", "--chown=b c"), "--x /y")
    (line,) = read_lines("RUN echo --a\n").lines
    assert (line.flags, line.rest) == ((), "echo --a")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--no=1",), "Unknown flag: no"),
        (("--from",), "Missing a value on flag: from"),
        (("--from=a", "--from=b"), "Duplicate flag specified: from"),
    ],
)
def test_bad_flags(flags: tuple[str, ...], reason: str) -> None:
    with pytest.raises(DockerfileError, match=reason):
        flag_values(flags, ("from",))
