"""Random commands by a seed: the same seed gives the same commands, whatever engines answer."""

import random
import shlex

from . import faults
from .chooser import Chooser
from .command import Command, Kinds, line
from .flags import ADDED, COMMON, CREATED, UPDATED
from .operations import Operations
from .requests import api_request
from .stacks import compose

SERVICES = ("one", "two", "web")
_NETWORKS = ("n-1", "n-2")
_SECRETS = ("s-1", "s-2")
_CONFIGS = ("c-1", "c-2")
_VOLUMES = ("v1", "v2")
_IMAGES = ("nginx:alpine", "nginx:1.12-alpine", "nginx", "alpine", "alpine", "busybox:latest")
#: What containers do that serve nothing: most stay, some end.
_PROGRAMS = ("sleep 1000", "sleep 1000", "sh -c 'sleep 1000'", "true", "false", "sh -c 'sleep 0.5; exit 3'", "nosuch")


#: What is there from the start. A name is never the beginning of an identifier, by which it would be found as well.
PRELUDE = (
    "docker network create -d overlay n-1",
    "docker network create -d overlay --attachable n-2",
    "printf x | docker secret create s-1 -",
    "docker config create c-1 conf.txt",
    "docker service create --detach -q --name one --stop-grace-period 1s --update-monitor 1s alpine sleep 1000",
    "docker service create --detach -q --name two --replicas 2 --update-monitor 1s --network n-1 "
    "-p 8080:80 nginx:alpine",
)


class Generator(Chooser):
    """Commands for a swarm of `nodes` nodes, the first a manager; `spite` is how many of them contain a mistake.

    With `faulty`, nodes are switched off and on, change their roles and are drained in the middle of updates, and
    little else is done: this is for `faults.PRELUDE` and at least `faults.NODES` nodes.
    """

    def __init__(self, seed: int, nodes: int = 1, spite: float = 0.3, *, faulty: bool = False) -> None:
        super().__init__(random.Random(seed), spite)
        self._nodes = nodes
        self._kinds = self._fault_kinds() if faulty else self._command_kinds()

    def _fault_kinds(self) -> Kinds:
        some = faults.Faults(self._chance, self._nodes)
        return (
            (14, lambda: Command(some.power(), disturbs=True)),
            (6, lambda: Command(some.role(), disturbs=True)),
            (20, lambda: Command(some.change(), disturbs=True, partly=True)),
            (10, lambda: Command(some.meanwhile(), disturbs=True, partly=True)),
            (6, lambda: Command(some.availability(), disturbs=True)),
            (5, lambda: Command(*some.membership(), disturbs=True)),
            (12, lambda: Command(*some.look())),
            (2, self._swarm),
            (2, self._look),
        )

    def _command_kinds(self) -> Kinds:
        nodes = self._nodes
        operations = Operations(self._chance, nodes, SERVICES)
        return (
            (26, self._create),
            (30, self._update),
            (6, self._scale),
            (5, self._rollback),
            (6, self._remove),
            (6, self._network),
            (3, self._remove_network),
            (5, self._keep),
            (4, self._forget),
            (4 if nodes == 1 else 10, self._node),
            (4, self._swarm),
            (6, self._look),
            (3, self._volume),
            (6, self._stack),
            (10, self._request),
            (0 if nodes == 1 else 3, self._other_node),
            (6, lambda: Command(operations.watched(), disturbs=True, partly=True)),
            (8, lambda: Command(operations.during(), disturbs=True, partly=True)),
            (4, lambda: Command(operations.settings(wrong=self._spiteful()), disturbs=True)),
            (4, lambda: Command(operations.node(), disturbs=True)),
            (1.5 if nodes == 1 else 0, lambda: Command(operations.anew(), disturbs=True, partly=True)),
        )

    def _create(self) -> Command:
        image = self._pick(*_IMAGES)
        program = "" if image.startswith("nginx") else self._pick(*_PROGRAMS)
        name = "'bad name'" if self._chance.random() < 0.03 else self._pick(*SERVICES)
        flags = self._flags([*self._given(COMMON), *self._given(ADDED), *self._given(CREATED)])
        grace = self._maybe(0.9, "--stop-grace-period 1s")
        monitor = self._maybe(0.7, "--update-monitor 1s --rollback-monitor 1s")
        if any("-job" in flag for flag in flags):
            monitor = ""
        # What ends and begins again for ever is never quiet, and little of it can be compared.
        restarts = self._maybe(0.8, "--restart-delay 300ms", "--restart-delay 100ms --restart-max-attempts 2")
        words = ["docker service create --detach -q --name", name, grace, monitor, restarts, *flags, image, program]
        return line(words, disturbs=True)

    def _update(self) -> Command:
        flags = self._flags([*self._given(COMMON), *self._given(ADDED, "-add"), *self._given(UPDATED)])
        return line(["docker service update --detach -q", *flags, self._pick(*SERVICES)], disturbs=True)

    def _scale(self) -> Command:
        count = self._pick("-1", "x") if self._spiteful() else self._pick("0", "1", "2", "4")
        more = self._maybe(0.2, "two=1", "nosuch=1")
        return line(
            ["docker service scale --detach", f"{self._pick(*SERVICES)}={count}", more], disturbs=True, partly=True
        )

    def _rollback(self) -> Command:
        return line(["docker service rollback --detach -q", self._pick(*SERVICES)], disturbs=True)

    def _remove(self) -> Command:
        words = ["docker service rm", self._pick(*SERVICES), self._maybe(0.2, "nosuch", *SERVICES)]
        return line(words, disturbs=True, partly=True)

    def _network(self) -> Command:
        words = ["docker network create", self._maybe(0.8, "-d overlay"), self._maybe(0.3, "--attachable")]
        words.append(self._maybe(0.2, "--internal", "--ingress", "--ipv6", "--scope swarm"))
        words.append(
            self._maybe(
                0.3,
                "--subnet 10.55.0.0/24",
                "--subnet bogus",
                "--subnet 10.55.0.0/24 --gateway 10.55.0.9",
                "--subnet 10.55.0.0/24 --gateway 1.2.3.4",
                "--subnet 10.55.0.0/24 --ip-range 10.55.0.0/28",
                "--subnet 10.55.0.7/24",
                "--gateway 10.0.0.1",
            )
        )
        words.append(self._maybe(0.2, "--opt encrypted", "--label a=b", "--opt x=y"))
        words.append("host" if self._chance.random() < 0.03 else self._pick(*_NETWORKS))
        return line(words)

    def _remove_network(self) -> Command:
        name = self._pick("nosuch", "ingress", "bridge", "host") if self._spiteful() else self._pick(*_NETWORKS)
        return line(["docker network rm", name])

    def _keep(self) -> Command:
        """A new secret or config."""
        options = self._maybe(0.4, "--label a=b", "--template-driver golang", "--template-driver bogus", "-d bogus")
        if self._chance.random() < 0.5:
            name = self._pick("'bad name'", "x" * 70, "''") if self._chance.random() < 0.1 else self._pick(*_SECRETS)
            content = "''" if self._chance.random() < 0.1 else f"x{self._chance.randrange(10)}"
            return line([f"printf %s {content} | docker secret create", options, name, "-"])
        name = "b@d" if self._chance.random() < 0.1 else self._pick(*_CONFIGS)
        source = "nosuch.txt" if self._chance.random() < 0.1 else "conf.txt"
        return line(["docker config create", options.replace("-d bogus", ""), name, source])

    def _forget(self) -> Command:
        """A secret or config goes, or is looked at."""
        kind, names = self._chance.choice([("secret", _SECRETS), ("config", _CONFIGS)])
        action = self._pick("rm", "rm", "inspect --pretty", "ls --format '{{.Name}} {{.Labels}}' --filter name=")
        if action.startswith("ls"):
            return line([f"docker {kind} {action}{self._pick('s', 'c-1', 'zz')}"])
        return line([f"docker {kind} {action}", self._pick(*names, *names, "nosuch")])

    def _node(self) -> Command:
        name = f"$N{self._chance.randint(1, self._nodes)}"
        if self._spiteful():
            change = self._pick("--label-rm nosuch", "--availability bogus", "--role bogus", "--role worker")
            if "worker" in change:
                name = "$N1"
            return line(["docker node update", change, self._pick(name, name, "nosuch")], disturbs=True)
        change = self._pick(
            "--label-add x=1",
            "--label-add x=2",
            "--label-add z=1",
            "--label-add z",
            "--label-rm x",
            "--availability drain",
            "--availability pause",
            "--availability active",
            "--availability active",
        )
        return line(["docker node update", change, name], disturbs=True)

    def _swarm(self) -> Command:
        text = self._pick(
            *(f"update --task-history-limit {n}" for n in ("0", "1", "5", "-1")),
            *(f"update --dispatcher-heartbeat {t}" for t in ("5s", "0s", "-1s", "10s")),
            *(f"update --cert-expiry {t}" for t in ("1h", "30m", "2160h", "59m", "-1h")),
            "update --autolock=true",
            "update --autolock=false",
            "update --max-snapshots 3",
            "update --snapshot-interval 100",
            "update",
            "update --external-ca protocol=cfssl,url=https://x.y",
            "update --external-ca protocol=bogus,url=https://x.y",
            "join-token worker",
            "join-token -q manager",
            "join-token bogus",
            "join-token --rotate worker",
            "unlock-key",
            "unlock-key -q",
            "unlock-key --rotate",
            "unlock </dev/null",
            "ca",
            "init",
            "leave",
            "join --token x $A1:2377",
        )
        return line([f"docker swarm {text}"], disturbs="ca" in text)

    def _look(self) -> Command:
        """A command that changes nothing."""
        name = self._pick(*SERVICES)
        return line(
            [
                self._pick(
                    "docker service ls --format '{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}} {{.Ports}}'",
                    "docker service ls -q --filter mode=global",
                    "docker service ls --format {{.Name}} --filter name=o",
                    "docker service ls --filter bogus=1",
                    "docker service ls --format {{.Name}} --filter label=x",
                    "docker service ls --filter mode=bogus",
                    f"docker service ps --format '{{{{.Name}}}} {{{{.DesiredState}}}}' -f desired-state=running {name}",
                    f"docker service ps -f desired-state=bogus {name}",
                    f"docker service ps -f bogus=x {name}",
                    f"docker service ps -f node=nosuch {name}",
                    f"docker service ps -f name={name}.1 --format {{{{.Name}}}} -f desired-state=running {name}",
                    f"docker service inspect --format '{{{{.Spec.Name}}}}' {name} nosuch",
                    f"docker service logs --tail 0 {name}",
                    "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'",
                    "docker node ls -q --filter role=bogus",
                    "docker node ls --format {{.Hostname}} --filter role=manager",
                    "docker node ls --format {{.Hostname}} --filter membership=accepted --filter node.label=x",
                    "docker node ls --filter membership=bogus",
                    "docker node ps -q -f desired-state=bogus $N1",
                    "docker node inspect nosuch",
                    "docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' --filter scope=swarm",
                    "docker network ls --filter scope=bogus",
                    "docker network ls --filter driver=overlay --format {{.Name}}",
                    "docker secret ls --filter label=a --format {{.Name}}",
                    "docker stack ls",
                    "docker stack services st --format '{{.Name}} {{.Mode}} {{.Ports}}'",
                    "docker stack ps -q nosuch",
                    "docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}} {{.Swarm.Managers}}'",
                )
            ]
        )

    def _volume(self) -> Command:
        action = self._pick("create", "rm", "inspect -f {{.Driver}}")
        return line(["docker volume", action, self._pick(*_VOLUMES, "nosuch")])

    def _stack(self) -> Command:
        name = self._pick("st", "st", "st", "other")
        draw = self._chance.random()
        if draw < 0.2:
            return line(["docker stack rm", name], disturbs=True, partly=True)
        options = [
            self._maybe(0.2, "--prune"),
            self._maybe(0.2, *(f"--resolve-image {w}" for w in ("never", "changed"))),
        ]
        deploy = " ".join(filter(None, ["docker stack deploy --detach=true -c -", *options, name]))
        text = f"{deploy} <<<{shlex.quote(compose(self._chance))}"
        return Command(text, disturbs=True, partly=True)

    def _request(self) -> Command:
        return Command(f"api {api_request(self._chance)}", disturbs=True)

    def _other_node(self) -> Command:
        """What the second node, a worker at first, says and does."""
        draw = self._chance.random()
        if draw < 0.5:
            text = self._pick(
                "docker node ls",
                "docker service ls",
                "docker swarm leave --force",
                "docker swarm join --token $(docker -H $H1 swarm join-token -q worker) $A1:2377",
                "docker swarm join --token $(docker -H $H1 swarm join-token -q worker) $A1:2377",
                "docker swarm init",
                "docker swarm join-token worker",
                "docker network ls --filter scope=swarm --format {{.Name}}",
                "docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}'",
            )
            return Command(text, 2, disturbs="leave" in text or " join " in text)
        text = self._pick("rm $N2", "rm --force $N2", "promote $N2", "demote $N2", "demote $N1", "rm $N1", "rm nosuch")
        return Command(f"docker node {text}", disturbs=True)
