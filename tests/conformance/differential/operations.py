"""Random operations that are more than a quick command: waited for, in the middle of others, of the whole swarm."""

import random
from collections.abc import Sequence

#: So long a command is waited for that may never end; interrupted, it says that the operation goes on.
_WAIT = "timeout -s INT 9"
_SWARM_FLAGS = (
    "--task-history-limit 2",
    "--task-history-limit 5",
    "--dispatcher-heartbeat 4s",
    "--dispatcher-heartbeat 5s",
    "--cert-expiry 3h",
    "--cert-expiry 2160h",
    "--max-snapshots 2",
    "--snapshot-interval 20",
    "--autolock",
    "--autolock=false",
)
_WRONG_SWARM_FLAGS = ("--cert-expiry 1m", "--task-history-limit x", "--dispatcher-heartbeat -2s", "--max-snapshots -1")


class Operations:
    """Lines for bash about a swarm of `nodes` nodes with these services; see generator.Command for the variables."""

    def __init__(self, chance: random.Random, nodes: int, services: Sequence[str]) -> None:
        self._chance = chance
        self._nodes = nodes
        self._services = services

    def watched(self) -> str:
        """A change of a service, with its progress."""
        one, other = self._service(), self._service()
        return f"{_WAIT} docker " + self._chance.choice(
            [
                f"service update --detach=false --force --update-monitor 1s {one}",
                f"service update --detach=false --image nosuch:1 --update-monitor 1s {one}",
                f"service update --detach=false --args false --restart-condition none --update-monitor 1s {one}",
                "service update --detach=false --args 'sh -c \"sleep 1; exit 4\"' --restart-condition none "
                f"--update-monitor 3s --update-failure-action rollback --rollback-monitor 1s {one}",
                f"service update --detach=false --args false --update-failure-action continue {one}",
                f"service update --detach=false --constraint-add node.labels.x==7 --update-monitor 1s {one}",
                f"service update --detach=false --reserve-memory 900g --update-order start-first {one}",
                f"service update --detach=false --label-add w=1 {one}",
                f"service update --detach=false --replicas 0 {one}",
                f"service rollback --detach=false {one}",
                f"service scale {one}={self._chance.randrange(4)} {other}={self._chance.randrange(4)}",
                f"service scale {one}=1 nosuch=2",
                "service create --name job --detach=false --mode replicated-job --replicas 2 alpine true",
                "service create --name job --detach=false --mode global-job --restart-condition none alpine false",
                "service create --name job --detach=false --mode replicated-job --restart-max-attempts 1 "
                "--restart-delay 100ms alpine sh -c 'exit 3'",
                f"service create --name {one} --detach=false --restart-condition none --update-monitor 1s alpine true",
                f"service create --name {one} --detach=false --constraint node.labels.x==7 alpine sleep 1000",
                f"service create --name {one} --detach=false --replicas 2 --update-monitor 1s alpine sleep 1000",
                "service rm job",
            ]
        )

    def during(self) -> str:
        """A change of a service in the middle of an update of it."""
        name = self._service()
        begin = self._chance.choice(
            [
                "--force --update-delay 2s",
                "--env-add D=1 --update-parallelism 0 --update-delay 1s",
                "--image nosuch:1 --update-failure-action rollback",
                "--args false --restart-condition none --update-monitor 2s --update-failure-action pause",
                "--constraint-add node.labels.x==7",
                "--force --update-order start-first --update-delay 2s",
            ]
        )
        then = self._chance.choice(
            [
                f"service update --detach -q --force {name}",
                f"service update --detach -q --update-parallelism 0 {name}",
                f"service update --detach -q --env-add E={self._chance.randrange(9)} --update-order start-first {name}",
                f"service update --detach -q --image nosuch:2 --update-failure-action pause {name}",
                f"service update --detach -q --label-add during=1 {name}",
                f"service update --detach -q --constraint-rm node.labels.x==7 --constraint-rm node.labels.x==1 {name}",
                f"service rollback --detach -q {name}",
                f"service rollback --detach -q {name}; sleep 0.3; docker service rollback --detach -q {name}",
                # Which of two slots is left, one of them under update, is chance.
                f"service scale --detach {name}={self._chance.choice([0, 4])}",
                f"service rm {name}",
                f"node update --availability {self._chance.choice(['drain', 'pause'])} $N1; sleep 3; "
                "docker node update --availability active $N1",
                "node update --label-add x=7 $N1",
                "network rm n-1",
            ]
        )
        return f"docker service update --detach -q {begin} {name}; sleep 0.7; docker {then}"

    def settings(self, *, wrong: bool) -> str:
        """Settings of the swarm, several at once, or a rotation of its authority."""
        if self._chance.random() < 0.3:
            return "docker swarm ca " + self._chance.choice(
                [
                    "--rotate --quiet",
                    "--rotate --detach",
                    "--rotate --quiet --cert-expiry 5h",
                    "--rotate --ca-cert conf.txt",
                    "--rotate --ca-key conf.txt",
                    "--cert-expiry 2h",
                    "--ca-cert conf.txt",
                    "--detach",
                    "--rotate --quiet --external-ca protocol=cfssl,url=https://x.y",
                ]
            )
        flags = self._chance.sample(_SWARM_FLAGS, self._chance.choice([2, 2, 3]))
        if wrong:
            flags.append(self._chance.choice(_WRONG_SWARM_FLAGS))
        return f"docker swarm update {' '.join(flags)}"

    def node(self) -> str:
        """Several changes of a node at once."""
        flags = [
            self._chance.choice(["--label-add x=7", "--label-add x=1 --label-add y=2", "--label-rm x", "--label-rm q"]),
            self._chance.choice(["--availability active", "--availability active", "--availability pause", ""]),
            self._chance.choice(["--role worker", "--role manager", "", ""]),
        ]
        return f"docker node update {' '.join(filter(None, flags))} $N{self._chance.randint(1, self._nodes)}"

    def anew(self) -> str:
        """The only manager begins again, with the swarm or without."""
        return self._chance.choice(
            [
                "docker swarm init --force-new-cluster",
                "docker swarm init --force-new-cluster --autolock",
                "docker swarm init --force-new-cluster --availability drain",
                "docker swarm leave --force; docker swarm init",
                "docker swarm leave --force; docker swarm init --availability drain; "
                "docker node update --availability active $N1",
                "docker swarm leave --force; docker swarm init --autolock --cert-expiry 2h --task-history-limit 1",
                "docker swarm leave --force; docker swarm init --default-addr-pool 10.66.0.0/16 "
                "--default-addr-pool-mask-length 26 --data-path-port 7777",
                "docker swarm leave --force; docker swarm init --cert-expiry 1m",
            ]
        )

    def _service(self) -> str:
        return self._chance.choice(self._services)
