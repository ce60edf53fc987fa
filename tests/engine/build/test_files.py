import pytest

from swarmlab.engine.build.files import Files, has_wildcards
from swarmlab.engine.errors import EngineError
from swarmlab.images import Bytes, Entry
from swarmlab.runtime.virtual import Node


def file(path: str, data: bytes = b"x", mode: int = 0o644) -> Entry:
    return Entry(path, "file", mode, Bytes(data))


def link(path: str, target: str) -> Entry:
    return Entry(path, "link", 0o777, None, target)


FILES = Files(
    [
        file("/a.txt"),
        file("/b.txt"),
        file("/sub/c.txt"),
        file("/sub/deep/d.txt"),
        file("/sub-2/e"),
        link("/up", "../../sub"),
        link("/abs", "/sub/deep"),
        link("/sub/side", "deep/d.txt"),
        link("/out", "/etc/passwd"),
        link("/loop", "loop"),
    ]
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.txt", "/a.txt"),
        (".", "/"),
        ("", "/"),
        ("../../../a.txt", "/a.txt"),
        ("up/c.txt", "/sub/c.txt"),
        ("abs/d.txt", "/sub/deep/d.txt"),
        ("abs/../c.txt", "/sub/c.txt"),
        ("sub/side", "/sub/deep/d.txt"),
        ("out", "/etc/passwd"),
        ("new/thing", "/new/thing"),
    ],
)
def test_no_path_and_no_link_leads_out(path: str, expected: str) -> None:
    assert FILES.resolve(path) == expected


def test_links_that_go_round() -> None:
    with pytest.raises(EngineError, match="too many links in loop"):
        FILES.resolve("loop")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[^a].txt", ["b.txt"]),
        ("[a-b].*", ["a.txt", "b.txt"]),
        ("sub/*", ["sub/c.txt", "sub/deep", "sub/side"]),
        ("*/*/d*", ["sub/deep/d.txt"]),
        ("s*/c.txt", ["sub/c.txt"]),
        ("\\*", []),
        ("[a", []),
        ("**", ["a.txt", "abs", "b.txt", "loop", "out", "sub", "sub-2", "up"]),
    ],
)
def test_patterns(pattern: str, expected: list[str]) -> None:
    assert FILES.matching(pattern) == expected


def test_what_is_below() -> None:
    assert [entry.path for entry in FILES.below("/sub")] == [
        "/sub/c.txt", "/sub/deep", "/sub/deep/d.txt", "/sub/side"
    ]  # fmt: skip
    assert FILES.below("/a.txt") == []


def test_wildcards_can_be_escaped() -> None:
    assert [has_wildcards(path) for path in ("a*", "a?", "[a]", "a\\*", "a")] == [True, True, True, False, False]


def test_a_digest_changes_with_name_mode_and_content() -> None:
    found = {
        FILES.digest(e) for e in (file("/a"), file("/b"), file("/a", b"y"), file("/a", mode=0o755), link("/a", "x"))
    }
    assert len(found) == 5


def test_the_root_file_system_of_an_image() -> None:
    nodes = {
        "/tmp": Node("directory", 0o1777),
        "/etc/x": Node("file", 0o600, Bytes(b"1")),
        "/bin": Node("link", target="usr/bin"),
    }
    files = Files.of(nodes, {"/tmp": (1, 2)})
    kinds = {path: found.kind for path in ("/etc/x", "/bin", "/tmp", "/") if (found := files.get(path))}
    assert kinds == {"/etc/x": "file", "/bin": "link", "/tmp": "directory", "/": "directory"}
    assert files.get("/tmp") == Entry("/tmp", "directory", 0o1777, owner=(1, 2))
    assert files.get("/etc/x") == Entry("/etc/x", "file", 0o600, Bytes(b"1"))
    assert files.get("/nothing") is None
