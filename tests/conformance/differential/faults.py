"""Random faults: nodes that are switched off and on, change their roles, and are drained in the middle of updates.

Which of several equal nodes gets a task is chance. So everything here is global or pinned to a node, and what differs
is the engines' doing.
"""

import random

#: What is there from the start: a service on every node, one on each of two nodes, and one on workers.
PRELUDE = (
    "docker network create -d overlay n-1",
    "printf x | docker secret create s-1 -",
    "docker config create c-1 conf.txt",
    "docker service create --detach -q --name all --mode global --stop-grace-period 1s --update-monitor 1s "
    "--network n-1 alpine sleep 1000",
    "docker service create --detach -q --name two --replicas 2 --constraint node.hostname==$N2 --stop-grace-period 1s "
    "--update-monitor 1s alpine sleep 1000",
    "docker service create --detach -q --name three --constraint node.hostname==$N3 --stop-grace-period 1s "
    "--update-monitor 1s -p 8080:80 nginx:alpine",
    "docker service create --detach -q --name workers --mode global --constraint node.role==worker "
    "--stop-grace-period 1s alpine sleep 1000",
)
SERVICES = ("all", "two", "three", "workers")
#: The fewest nodes that PRELUDE needs.
NODES = 3


class Faults:
    """Lines for a swarm of `nodes` nodes, the first its manager; see generator.Command for the variables."""

    def __init__(self, chance: random.Random, nodes: int) -> None:
        self._chance = chance
        self._nodes = nodes
        self._off: set[int] = set()

    def power(self) -> str:
        """`node ACTION N`, as often on as off."""
        if self._off and self._chance.random() < 0.6:
            number = self._chance.choice(sorted(self._off))
            self._off.discard(number)
            return f"node start {number}"
        if self._chance.random() < 0.1:
            return "node restart 1"
        number = self._other()
        if self._chance.random() < 0.3:
            self._off.discard(number)
            return f"node restart {number}"
        self._off.add(number)
        return f"node {self._chance.choice(['stop', 'kill'])} {number}"

    def role(self) -> str:
        """A change of a node's role."""
        number = 1 if self._chance.random() < 0.1 else self._other()
        return f"docker node {self._chance.choice(['promote', 'promote', 'demote'])} $N{number}"

    def change(self) -> str:
        """A change of a service, or several at once."""
        service = self._chance.choice(SERVICES)
        return self._chance.choice(
            [
                f"docker service update --detach -q --force {service}",
                f"docker service update --detach -q --env-add A={self._chance.randrange(9)} {service}",
                f"docker service update --detach -q --image nosuch:1 --update-failure-action rollback {service}",
                f"docker service update --detach -q --args 'sleep {self._chance.randrange(1000, 1009)}' {service}",
                f"docker service update --detach -q --args false --restart-condition none {service}",
                f"docker service rollback --detach -q {service}",
                f"docker service scale --detach two={self._chance.randrange(4)}",
                "docker service rm three",
                "docker service create --detach -q --name three --constraint node.hostname==$N3 --stop-grace-period 1s "
                "alpine sleep 1000",
                "docker service create --detach -q --name job --mode global-job alpine sleep 1",
                "docker service rm job",
            ]
        )

    def meanwhile(self) -> str:
        """An update, and something that happens to a node while it goes on."""
        number = self._other()
        begin = f"docker service update --detach -q --force --update-delay 2s {self._chance.choice(SERVICES)}"
        node = self._chance.choice(
            [f"docker node update --availability {how} $N{number}" for how in ("drain", "pause", "active", "active")]
            + [f"docker node update --label-add x=1 $N{number}", f"docker node rm --force $N{number}"]
        )
        return f"{begin}; sleep 0.7; {node}"

    def availability(self) -> str:
        """A node is drained, or comes back."""
        how = self._chance.choice(["drain", "pause", "active", "active"])
        return f"docker node update --availability {how} $N{self._chance.randint(1, self._nodes)}"

    def membership(self) -> tuple[str, int]:
        """What another node than the first does about its membership, and its number."""
        join = "docker swarm join --token $(docker -H $H1 swarm join-token -q worker) $A1:2377"
        return self._chance.choice(["docker swarm leave", "docker swarm leave --force", join, join]), self._other()

    def look(self) -> tuple[str, int]:
        """A question that any node may be asked, and the number of the node."""
        name = self._chance.choice(SERVICES)
        number = self._chance.randint(1, self._nodes)
        return self._chance.choice(
            [
                "docker node ls --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'",
                "docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.Error}}'",
                "docker service ls --format '{{.Name}} {{.Mode}} {{.Replicas}}'",
                f"docker node ps --format '{{{{.DesiredState}}}} {{{{.Error}}}}' $N{number}",
                f"docker node rm $N{number}",
                f"docker node inspect --format '{{{{json .Status.State}}}} {{{{.Status.Message}}}}' $N{number}",
                f"docker service ps -f desired-state=running --format {{{{.Node}}}} {name}",
                f"docker service ps -f node=$N{number} --format {{{{.DesiredState}}}} {name}",
                "docker ps --format '{{.Image}} {{.State}}'",
                "docker network ls --filter driver=overlay --format {{.Name}}",
                "docker swarm join-token -q worker",
            ]
        ), number

    def _other(self) -> int:
        return self._chance.randint(2, self._nodes)
