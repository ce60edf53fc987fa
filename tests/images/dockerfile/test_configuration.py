import pytest

from swarmlab.images import ImageConfig
from swarmlab.images.dockerfile import Configuration, DockerfileError, parse

BASE = ImageConfig(env=("PATH=/bin",), cmd=("old",), working_dir="/srv", exposed_ports=("1/tcp",))


def applied(*lines: str) -> tuple[Configuration, list[str]]:
    found = Configuration(BASE)
    (stage,) = parse("\n".join(["FROM a", *lines]).encode(), "Dockerfile").stages
    return found, [found.apply(instruction) for instruction in stage.instructions]


@pytest.mark.parametrize(
    ("line", "comment"),
    [
        ("ENV A=1 B=2", "ENV A=1 B=2"),
        ("LABEL a=b", "LABEL a=b"),
        ("CMD echo $A", 'CMD ["/bin/sh" "-c" "echo $A"]'),
        ('CMD ["é\\n\\"q"]', 'CMD ["é\\n\\"q"]'),
        ("CMD", 'CMD ["/bin/sh" "-c"]'),
        ("ENTRYPOINT", "ENTRYPOINT []"),
        ('ENTRYPOINT ["a", "b"]', 'ENTRYPOINT ["a" "b"]'),
        ("EXPOSE 80 443/tcp 53/udp 8000-8002", "EXPOSE 443/tcp 53/udp 80 8000-8002"),
        ("HEALTHCHECK NONE", 'HEALTHCHECK &{["NONE"] "0s" "0s" "0s" \'\\x00\'}'),
        (
            'HEALTHCHECK --interval=90s --timeout=1500us --retries=3 CMD ["a","b"]',
            'HEALTHCHECK &{["CMD" "a" "b"] "1m30s" "1.5ms" "0s" \'\\x03\'}',
        ),
        ("MAINTAINER me <x>", "MAINTAINER me <x>"),
        ('SHELL ["/bin/sh", "-e", "-c"]', "SHELL [/bin/sh -e -c]"),
        ("STOPSIGNAL 9", "STOPSIGNAL 9"),
        ("USER a b", "USER a b"),
        ('VOLUME ["/a", "/b c"]', "VOLUME [/a /b c]"),
        ("WORKDIR a/../b", "WORKDIR /srv/b"),
        ("WORKDIR //x", "WORKDIR /x"),
    ],
)
def test_what_the_history_says(line: str, comment: str) -> None:
    assert applied(line)[1] == [comment]


def test_a_new_entrypoint_takes_the_old_command_away() -> None:
    assert applied('ENTRYPOINT ["a"]')[0].config.cmd == ()
    assert applied('CMD ["mine"]', 'ENTRYPOINT ["a"]')[0].config.cmd == ("mine",)


def test_the_shell_is_that_of_what_follows() -> None:
    found, _ = applied("CMD a", 'SHELL ["/bin/ash", "-c"]', "ENTRYPOINT b")
    assert (found.config.cmd, found.config.entrypoint) == (("/bin/sh", "-c", "a"), ("/bin/ash", "-c", "b"))


def test_variables_keep_their_places() -> None:
    assert applied("ENV A=1", "ENV PATH=/x", "ENV A=2")[0].config.env == ("PATH=/x", "A=2")


def test_the_author_is_no_part_of_the_configuration() -> None:
    assert applied("MAINTAINER me")[0].author == "me"


def test_ports_that_are_none() -> None:
    with pytest.raises(DockerfileError, match="Invalid containerPort: abc"):
        applied("EXPOSE abc")
