import pytest

from swarmlab.images import ImageConfig
from swarmlab.images.changes import apply
from swarmlab.objects.container import HealthConfig

BASE = ImageConfig(env=("A=0", "Z=1"), labels={"old": "1"}, exposed_ports=("80/tcp",), working_dir="/srv")


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ('CMD ["a", "b c"]', "cmd", ("a", "b c")),
        ("cmd echo $A", "cmd", ("/bin/sh", "-c", "echo $A")),
        ("CMD", "cmd", ("/bin/sh", "-c")),
        ('ENTRYPOINT ["/run"]', "entrypoint", ("/run",)),
        ('ENV A=1 B="x y"', "env", ("A=1", "Z=1", "B=x y")),
        ("ENV B x y", "env", ("A=0", "Z=1", "B=x y")),
        ("LABEL new=2 'two words'=3", "labels", {"old": "1", "new": "2", "two words": "3"}),
        ("EXPOSE 80 53/udp 90-91", "exposed_ports", ("80/tcp", "53/udp", "90/tcp", "91/tcp")),
        ("USER 1000:1000", "user", "1000:1000"),
        ("VOLUME /a /b", "volumes", ("/a", "/b")),
        ('VOLUME ["/a b"]', "volumes", ("/a b",)),
        ("WORKDIR app", "working_dir", "/srv/app"),
        ("WORKDIR /app/", "working_dir", "/app"),
        ("ONBUILD RUN make", "on_build", ("RUN make",)),
        ("HEALTHCHECK NONE", "healthcheck", HealthConfig(test=("NONE",))),
        (
            "HEALTHCHECK --interval=1m30s --retries=2 CMD curl -f x",
            "healthcheck",
            HealthConfig(test=("CMD-SHELL", "curl -f x"), interval=90_000_000_000, retries=2),
        ),
        ('HEALTHCHECK CMD ["true"]', "healthcheck", HealthConfig(test=("CMD", "true"))),
    ],
)
def test_one_instruction(line: str, field: str, value: object) -> None:
    assert getattr(apply(BASE, [line]), field) == value


def test_lines_and_arguments_follow_one_another() -> None:
    config = apply(BASE, ["ENV A=1\n# no\n\nENV A=2", "WORKDIR x", "WORKDIR y"])
    assert (config.env[0], config.working_dir) == ("A=2", "/srv/x/y")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("RUN x", "run is not a valid change command"),
        ("FOO", "foo is not a valid change command"),
        ("STOPSIGNAL KILL", "stopsignal is not a valid change command"),
        ("EXPOSE abc", "Invalid containerPort: abc"),
        ("EXPOSE 70000", "Invalid containerPort: 70000"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV A=1 B", 'Syntax error - can\'t find = in "B". Must be of the form: name=value'),
        ("ENV =1", "ENV names can not be blank"),
        ("USER", "USER requires exactly one argument"),
        ("LABEL ", "LABEL requires at least one argument"),
        ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK PROBE x", 'Unknown type "PROBE" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=x CMD y", 'time: invalid duration "x"'),
    ],
)
def test_nonsense_is_refused(line: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        apply(BASE, [line])
    assert str(error.value) == message


def test_no_instruction_is_none_and_an_empty_one_is_wrong() -> None:
    assert apply(BASE, []) == BASE
    with pytest.raises(ValueError, match=r"^file with no instructions$"):
        apply(BASE, ["", " "])
