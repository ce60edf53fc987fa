"""Random commands that move files: `docker cp`, `diff`, `export`, `import`, `commit`."""

import random
from collections.abc import Callable

#: Paths in containers, files of the command's own folder.
_INSIDE = (
    "/etc/passwd",
    "/d",
    "/d/f",
    "/made",
    "/",
    "/etc/",
    "/d/.",
    "/tmp/new",
    "/etc/hostname",
    "/link",
    "/w",
    "tmp",
)
_WRONG_INSIDE = ("/nosuch", "/nosuch/x", "/etc/passwd/", "/etc/passwd/x", "", "/d/nosuch/", "/proc/1")
_OUTSIDE = ("conf.txt", "dir", "dir/.", "new.txt", "out/", "dir/deep", "link", ".")
_WRONG_OUTSIDE = ("nosuch", "nosuch/x", "nosuch/", "conf.txt/", "conf.txt/x")
#: What is told of an archive: its names, and the sizes of its files.
_LISTED = r"| tar tv 2>&1 | awk '{print $1, $2, $3, $6, $7, $8}'"
#: Commands of the lab's own shell stand in these folders.
_REST = r"grep -vE '(bin|lib|libexec)/' | sort | head -60"
_CHANGES = (
    "'CMD [\"echo\",\"c\"]'", "'ENV X=1'", "'LABEL l=m'", "'EXPOSE 99'", "'USER 1000'", "'WORKDIR /w'", "'VOLUME /v'",
    "'ENTRYPOINT [\"sh\"]'", "'CMD sleep 1000'", "'HEALTHCHECK CMD true'", "'STOPSIGNAL 9'", "'ONBUILD RUN x'",
)  # fmt: skip
_WRONG_CHANGES = ("'RUN x'", "bogus", "'ENV'", "'COPY a b'", "''", "'EXPOSE x'", "'CMD'")


class Copies:
    """Lines for bash; `name` gives a container that may be there."""

    def __init__(self, chance: random.Random, name: Callable[[], str]) -> None:
        self._chance = chance
        self._name = name

    def copy(self, *, wrong: bool) -> str:
        """`docker cp` in both directions, and through tar."""
        pick = self._chance.choice
        inside = pick(_WRONG_INSIDE if wrong and self._chance.random() < 0.5 else _INSIDE)
        outside = pick(_WRONG_OUTSIDE if wrong and self._chance.random() < 0.5 else _OUTSIDE)
        there = f"{self._name()}:{inside}"
        how = pick(["", "", "", "", "-a ", "-L ", "-q "])
        shown = f"; find {outside.rstrip('/.') or 'new.txt'} 2>&1 | sort | head -20"
        return (
            "docker cp "
            + pick(
                [
                    f"{how}{outside} {there}",
                    f"{how}{outside} {there}",
                    f"{how}{there} {outside}{shown}",
                    f"{how}{there} {outside}{shown}",
                    f"{how}{there} - {_LISTED} | head -20",
                    f"- {there} <<<x",
                    f"{how}{there} {self._name()}:/tmp",
                    f"{how}{outside} {outside}",
                ]
            )
            if self._chance.random() < 0.85
            else f"tar c {pick(['dir', 'conf.txt', 'link'])} | docker cp {how}- {there}"
        )

    def archive(self, *, wrong: bool) -> str:
        """`docker diff`, `export` and `import`."""
        pick, one = self._chance.choice, self._name()
        if wrong:
            return pick(
                [
                    "docker export nosuch",
                    f"docker export -o nosuch/x {one}",
                    "docker import nosuch.tar",
                    "docker import - BAD <<<x",
                    "docker import - img:2 <<<x",
                    "docker import -c 'RUN x' - img:2 </dev/null",
                    "docker import http://",
                    "docker diff nosuch",
                ]
            )
        return pick(
            [
                # Debian's nginx makes other folders for what it has not sent yet.
                f"docker diff {one} | grep -vE '^[AC] /var(/lib(/nginx.*)?|/cache(/nginx.*)?)?$'",
                f"docker export {one} {_LISTED} | {_REST}",
                f"docker export -o out.tar {one}; tar tf out.tar | {_REST}",
                f"docker export {one} | docker import - img:2",
                f"docker export {one} | docker import -m msg -c {pick(_CHANGES)} - img:2",
                "tar c dir | docker import -",
            ]
        )

    def commit(self, *, wrong: bool) -> str:
        """`docker commit` with changes."""
        pick, some = self._chance.choice, self._chance.random
        words = ["docker commit"]
        words += [
            f"-c {pick(_WRONG_CHANGES if wrong and some() < 0.6 else _CHANGES)}" for _ in range(pick([0, 1, 1, 2]))
        ]
        words += [pick(["", "", "-a me", "-m msg", "-p=false"]), self._name()]
        words.append(
            pick(["BAD", "a:b:c", "x@y", "img:"]) if wrong and some() < 0.4 else pick(["img:1", "img:2", "other", ""])
        )
        return " ".join(filter(None, words))
