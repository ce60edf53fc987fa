import pytest

from swarmlab.engine.build.context import open_context
from swarmlab.engine.errors import EngineError
from swarmlab.images import Bytes, Entry


def entries(**files: str) -> list[Entry]:
    return [Entry(f"/{name.replace('__', '/')}", "file", 0o644, Bytes(data.encode())) for name, data in files.items()]


def names(given: list[Entry], dockerfile: str = "") -> list[str]:
    files, _ = open_context(given, dockerfile)
    return [entry.path for entry in files.below("/")]


def test_the_dockerfile_may_be_elsewhere_or_in_lower_case() -> None:
    assert open_context(entries(sub__D="FROM a"), "sub/D")[1].stages[0].base == "a"
    assert open_context(entries(dockerfile="FROM b"), "")[1].stages[0].base == "b"


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("", 500, "Cannot locate specified Dockerfile: Dockerfile"),
        ("x", 500, "Cannot locate specified Dockerfile: x"),
        ("../x", 500, "forbidden path outside the build context: ../x ()"),
        ("sub", 500, "unexpected error reading Dockerfile: read /sub: is a directory"),
        ("empty", 400, "the Dockerfile (empty) cannot be empty"),
    ],
)
def test_no_dockerfile(name: str, status: int, message: str) -> None:
    with pytest.raises(EngineError) as error:
        open_context(entries(empty="", sub__Dockerfile="FROM a"), name)
    assert (error.value.status, str(error.value)) == (status, message)


def test_what_dockerignore_names_is_gone_although_clients_send_it() -> None:
    given = [
        *entries(Dockerfile="FROM a", x="1"),
        Entry("/.dockerignore", "file", 0o644, Bytes(b"Docker*\n.docker*\nx\n")),
    ]
    assert names(given) == ["/x"]
    given[-1] = Entry("/.dockerignore", "file", 0o644, Bytes(b"*\n!Dockerfile\n# .dockerignore\n"))
    assert names(given) == ["/Dockerfile", "/x"]
    assert names(entries(Dockerfile="FROM a")) == ["/Dockerfile"]
