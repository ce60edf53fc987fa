import pytest

from swarmlab.images.dockerfile import Dockerfile, DockerfileError, Instruction, parse


def read(text: str) -> Dockerfile:
    return parse(text.encode(), "Dockerfile")


def one(line: str) -> Instruction:
    (stage,) = read(f"FROM a\n{line}\n").stages
    (found,) = stage.instructions
    return found


@pytest.mark.parametrize(
    ("line", "args", "is_exec"),
    [
        ("RUN echo  a", ("echo  a",), False),
        ('RUN ["a", "b c"]', ("a", "b c"), True),
        ("RUN ['a']", ("['a']",), False),
        ("RUN", (), False),
        ("CMD []", (), True),
        ("COPY a  b c/", ("a", "b", "c/"), False),
        ('ADD ["a b", "c"]', ("a b", "c"), True),
        ('ENV A=1 B="x y"', ("A", "1", "B", '"x y"'), False),
        ("ENV A b  c", ("A", "b  c"), False),
        ("ARG A=1 B", ("A=1", "B"), False),
        ("EXPOSE 9 53/udp 80", ("53/udp", "80", "9"), False),
        ("VOLUME /a /b", ("/a", "/b"), False),
        ("USER a b", ("a b",), False),
        ("HEALTHCHECK CMD a b", ("CMD", "a b"), False),
        ('HEALTHCHECK CMD ["a", "b"]', ("CMD", "a", "b"), True),
        ("ONBUILD RUN a b", ("run", "a b"), False),
    ],
)
def test_arguments(line: str, args: tuple[str, ...], is_exec: bool) -> None:
    found = one(line)
    assert (found.args, found.exec, found.original) == (args, is_exec, line)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the Dockerfile (Dockerfile) cannot be empty"),
        ("#\n", "failed to parse Dockerfile: file with no instructions"),
        ("FROM a\n\nFRM x", "dockerfile parse error line 3: unknown instruction: FRM"),
        ("RUN x", "no build stage in current context"),
        ("FROM a\nENV A", "failed to parse Dockerfile: ENV must have two arguments"),
        (
            "FROM a\nLABEL A=1 B",
            'failed to parse Dockerfile: Syntax error - can\'t find = in "B". Must be of the form: name=value',
        ),
        ("FROM a\nENV =1", "dockerfile parse error line 2: ENV names can not be blank"),
        (
            'FROM a\nCMD ["a", 1]',
            "failed to parse Dockerfile: when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("FROM a b", "dockerfile parse error line 1: FROM requires either one or three arguments"),
        (
            "FROM a AS 1x",
            'dockerfile parse error line 1: invalid name for build stage: "1x", '
            "name can't start with a number or contain symbols",
        ),
        (
            "FROM a\nCOPY a",
            "dockerfile parse error line 2: COPY requires at least two arguments, but only one was provided. "
            "Destination could not be determined",
        ),
        ("FROM a\nUSER", "dockerfile parse error line 2: USER requires exactly one argument"),
        ("FROM a\nEXPOSE", "dockerfile parse error line 2: EXPOSE requires at least one argument"),
        ("FROM a\nRUN --network=x y", "dockerfile parse error line 2: Unknown flag: network"),
        ("FROM a\nSHELL sh", "dockerfile parse error line 2: SHELL requires the arguments to be in JSON form"),
        ("FROM a\nONBUILD FROM b", "dockerfile parse error line 2: FROM isn't allowed as an ONBUILD trigger"),
        ("FROM a\nHEALTHCHECK x", 'dockerfile parse error line 2: Unknown type "X" in HEALTHCHECK (try CMD)'),
        ("FROM a\nHEALTHCHECK NONE x", "dockerfile parse error line 2: HEALTHCHECK NONE takes no arguments"),
        ("FROM a\nRUN <<EOF\necho hi\nEOF", "dockerfile parse error line 3: unknown instruction: ECHO"),
    ],
)
def test_what_docker_refuses(text: str, message: str) -> None:
    with pytest.raises(DockerfileError) as error:
        read(text)
    assert str(error.value) == message


def test_stages() -> None:
    found = read("ARG V=1\nFROM a:$V AS One\nRUN x\nFROM b\n")
    assert [i.args for i in found.arguments] == [("V=1",)]
    assert [(s.base, s.name, len(s.instructions)) for s in found.stages] == [("a:$V", "one", 1), ("b", "", 0)]
    assert len(found.up_to("ONE").stages) == 1
    with pytest.raises(DockerfileError, match="failed to reach build target two in Dockerfile"):
        found.up_to("two")


def test_labels_of_the_command_line_come_last_and_as_they_are() -> None:
    found = read("FROM a\nRUN x\n").labelled({"z": "$A", "b": "1 2"})
    first, second = found.stages[0].instructions[1:]
    assert (first.original, second.original) == ("LABEL b=1 2", "LABEL z=$A")
    assert second.expanded({"A": "no"}, "\\").args == ("z", "$A")


def test_only_some_instructions_have_variables() -> None:
    variables = {"A": "x"}
    assert one("RUN echo $A").expanded(variables, "\\").args == ("echo $A",)
    assert one("COPY --from=$A --chown=$A $A /$A").expanded(variables, "\\").flags == {"from": "$A", "chown": "x"}
    assert one("ENV B=\"$A\" C='$A'").expanded(variables, "\\").args == ("B", "x", "C", "$A")
    assert one("EXPOSE $A 1").expanded({"A": "80 443"}, "\\").args == ("80", "443", "1")


def test_a_dockerfile_has_a_size() -> None:
    with pytest.raises(DockerfileError, match="failed to parse Dockerfile: more than 4194304 bytes"):
        parse(b"FROM a\n" + b"#\n" * (3 << 20), "Dockerfile")
