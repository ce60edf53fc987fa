"""Random commands for one engine by a seed: the same seed gives the same commands, whatever engines answer."""

import random

from tests.conformance.differential.chooser import Chooser
from tests.conformance.differential.command import Command, Kinds, line

from .builds import dockerfile
from .copies import Copies
from .flags import CHANGED, EXECUTED, MADE
from .looks import Looks
from .objects import Objects
from .programs import IMAGES, LASTING, MISSING, SHORT, STAY
from .programs import MADE as MADE_IMAGES

NAMES = ("one", "two", "web")
_WRONG_NAMES = ("nosuch", "nosuch", "'bad name'", "-x", "''", "x")
#: Signals as they may be written, and as they may not.
_SIGNALS = ("TERM", "SIGTERM", "KILL", "9", "HUP", "USR1", "int", "SIGINT", "15", "0", "STOP")
_WRONG_SIGNALS = ("bogus", "99", "SIGBOGUS", "''")
#: So long a command is waited for that may never end; it must not have time to tell its container.
_WAIT = "timeout -s KILL 4"

#: What is there from the start. A name is never the beginning of an identifier, by which it would be found as well.
PRELUDE = (
    "docker network create --subnet 172.30.0.0/16 net1",
    "docker volume create vol1",
    "docker run -d --name one --stop-timeout 1 -v vol1:/d --label a=b alpine sleep 1000",
    "docker create --name two -e A=1 busybox sh -c 'echo out; echo err >&2; exit 3'",
    "printf 'FROM alpine\\nRUN echo built >/built\\nLABEL a=b\\nCMD exec sleep 1000\\n' | docker build -qt img:1 -",
    "docker commit two other",
    "docker run -d --name web --network net1 --network-alias w -p 18730:80 nginx:alpine",
)


class ContainerGenerator(Chooser):
    """Commands for one engine; `spite` is how many of them contain a mistake."""

    def __init__(self, seed: int, spite: float = 0.3) -> None:
        super().__init__(random.Random(seed), spite)
        looks = Looks(self._chance, NAMES)
        copies = Copies(self._chance, self._name)
        objects = Objects(self._chance, self._name)
        self._kinds: Kinds = (
            (34, self._run),
            (6, self._start),
            (8, self._end),
            (5, self._remove),
            (4, self._rename),
            (4, self._update),
            (16, self._execute),
            (6, self._logs),
            (4, self._wait_for),
            (12, lambda: Command(copies.copy(wrong=self._spiteful()), disturbs=True)),
            (5, lambda: Command(copies.archive(wrong=self._spiteful()), disturbs=True)),
            (6, lambda: Command(copies.commit(wrong=self._spiteful()), disturbs=True)),
            (9, lambda: Command(objects.network(wrong=self._spiteful()), disturbs=True)),
            (5, lambda: Command(objects.volume(wrong=self._spiteful()), disturbs=True)),
            (8, lambda: Command(objects.image(wrong=self._spiteful()), disturbs=True)),
            (2, lambda: Command(objects.prune(), disturbs=True)),
            (14, self._build),
            (18, lambda: Command(looks.look(wrong=self._spiteful()))),
        )

    def _name(self) -> str:
        """A container that may be there."""
        if self._chance.random() < self._spite * 0.25:
            return self._pick(*_WRONG_NAMES)
        return self._pick(*NAMES)

    def _another(self, probability: float, one: str) -> str:
        """Now and then a second container, which is another one: the command treats both at the same time."""
        return self._maybe(probability, *(name for name in (*NAMES, "nosuch") if name != one))

    def _image(self) -> str:
        if self._chance.random() < self._spite * 0.15:
            return self._pick(*MISSING)
        return self._pick(*IMAGES, *IMAGES, *IMAGES, *MADE_IMAGES)

    def _run(self) -> Command:
        image, flags = self._image(), self._flags(self._given(MADE))
        named = self._maybe(0.85, f"--name {self._pick(*NAMES) if self._chance.random() < 0.95 else self._name()}")
        stays = self._chance.random() < 0.45
        program = self._pick(*STAY) if stays else self._maybe(0.92, *SHORT)
        if image.startswith("nginx") and self._chance.random() < 0.5:
            program = ""
        words = [named, *flags, image, program]
        draw = self._chance.random()
        # What is made may take a name: it is free first.
        free = self._maybe(0.75, f"docker rm -f {named.removeprefix('--name ')} >/dev/null 2>&1;") if named else ""
        if draw < 0.12:
            return line([free, "docker create", self._maybe(0.3, "-i", "-t", "-it"), *words], disturbs=True)
        removed = self._maybe(0.2, "--rm")
        if draw < 0.6 or LASTING.search(f"{image} {program}") or image in MADE_IMAGES:
            how = self._pick("-d", "-d", "-d", "-dit", "-di", "-dt")
            return line([free, "docker run", how, removed, *words], disturbs=True, partly=True)
        if any("always" in flag or "unless" in flag or "on-failure" in flag for flag in flags):
            removed = "-d"
        how = self._maybe(
            0.45, "-i", "-t", "-it", "-a stdout", "-a stderr", "-a stdin", "-i --sig-proxy=false", "-a bogus"
        )
        given = "printf 'in put\\n' |" if "-i" in how or "stdin" in how else ""
        return line([free, given, _WAIT, "docker run", how, removed, *words], disturbs=True, partly=True)

    def _start(self) -> Command:
        how = self._maybe(0.35, f"{_WAIT} docker start -a", f"printf x | {_WAIT} docker start -ai") or "docker start"
        return line(
            [how, self._name(), self._maybe(0.2, *NAMES, "nosuch") if "-a" not in how else ""],
            disturbs=True,
            partly=True,
        )

    def _end(self) -> Command:
        """Signals, pauses and what comes after them."""
        wrong = self._spiteful()
        signal = self._pick(*(_WRONG_SIGNALS if wrong else _SIGNALS))
        action = self._pick(
            f"stop -t {self._pick('x', '-2', '1.5') if wrong else self._pick('1', '1', '2')}",
            f"stop -t 1 -s {signal}",
            "kill",
            f"kill -s {signal}",
            f"kill --signal={signal}",
            f"restart -t {self._pick('x', '1s') if wrong else self._pick('1', '2')}",
            "pause",
            "unpause",
            "pause",
            "unpause",
        )
        one = self._name()
        return line(["docker", action, one, self._another(0.2, one)], disturbs=True, partly=True)

    def _remove(self) -> Command:
        one = self._name()
        words = ["docker rm", self._maybe(0.7, "-f", "-v", "-fv", "-l"), one, self._another(0.25, one)]
        return line(words, disturbs=True, partly=True)

    def _rename(self) -> Command:
        other = self._pick("'bad name'", "''", "-x", "x", *NAMES) if self._spiteful() else self._pick(*NAMES)
        return line(["docker rename", self._name(), other], disturbs=True)

    def _update(self) -> Command:
        flags = self._flags(self._given(CHANGED))
        return line(["docker update", *flags, self._name(), self._maybe(0.1, *NAMES)], disturbs=True, partly=True)

    def _execute(self) -> Command:
        flags = self._flags(self._given(EXECUTED))
        program = self._pick(*SHORT)
        given = "printf 'in put\\n' |" if "--interactive" in flags else ""
        return line([given, _WAIT, "docker exec", *flags, self._name(), program], disturbs=True)

    def _logs(self) -> Command:
        options = self._maybe(
            0.7, "--tail 1", "-n 2", "--tail all", "--tail 0", "--tail -1", "-t", "--details", "--since 1h",
            "--since 0s",
            "--until 1h", "--since 2020-01-01", "--until 2020-01-01", "-t --details", "--tail 3 --since 10m",
        )  # fmt: skip
        if self._spiteful():
            options = self._pick("--tail x", "--since x", "--until x", "--bogus", "--tail ''", "--since 2020-13-01")
        return line(["docker logs", options, self._name()])

    def _wait_for(self) -> Command:
        one = self._name()
        return line(
            [
                self._pick(
                    f"{_WAIT} docker wait {one}",
                    f"docker kill {one}; docker wait {one}",
                    f"(sleep 0.5; docker kill -s INT {one}) & {_WAIT} docker wait {one}; wait",
                    f"{_WAIT} docker attach --no-stdin {one}",
                    f"(sleep 1; docker stop -t 1 {one} >&2) & {_WAIT} docker attach --no-stdin {one}; echo $?; wait",
                    f"(sleep 1; docker stop -t 1 {one} >&2) & {_WAIT} docker logs -f {one}; echo $?; wait",
                )
            ],
            disturbs=True,
            partly=True,
        )

    def _build(self) -> Command:
        text = dockerfile(self._chance, wrong=self._spiteful())
        options = [
            self._maybe(0.8, f"-t {self._pick(*MADE_IMAGES)}"),
            self._maybe(
                0.1, "--no-cache", "-q", "--rm=false", "--force-rm", "--pull=false", "--network none", "--squash"
            ),
            self._maybe(
                0.25, "--build-arg X=2", "--build-arg NOSUCH=1", "--build-arg HOSTV", "--build-arg HTTP_PROXY=p"
            ),
            self._maybe(0.1, "--label l=1", "--target first", "--target 0", "--target nosuch", "--add-host h:1.2.3.4"),
        ]
        if self._spiteful():
            options.append(
                self._maybe(0.2, "-t BAD", "--memory x", "--build-arg", "--network nosuch", "--cpu-shares 1")
            )
        words = ["docker build -f -", *options, "ctx"]
        return line([f"{' '.join(filter(None, words))} <<'END'\n{text}\nEND"], disturbs=True, partly=True)
