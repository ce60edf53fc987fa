"""Random commands about networks, volumes and images."""

import random
from collections.abc import Callable

_NETWORKS = ("net1", "net2")
_VOLUMES = ("vol1", "vol2")
_IMAGES = ("img:1", "img:2", "other")
_BASES = ("alpine", "busybox", "nginx:alpine")


class Objects:
    """Lines for bash; `name` gives a container that may be there."""

    def __init__(self, chance: random.Random, name: Callable[[], str]) -> None:
        self._chance = chance
        self._name = name

    def network(self, *, wrong: bool) -> str:
        """A network comes or goes, or a container on it."""
        pick = self._chance.choice
        net = pick(["nosuch", "bridge", "host", "none", "''", "'b d'"]) if wrong else pick(_NETWORKS)
        flags = pick(
            [
                "", "", "--internal", "--label a=b", "--attachable", "--opt x=y", "--ipv6 --subnet fd00:9::/64",
                "--subnet 172.31.0.0/16", "--subnet 172.31.0.0/16 --gateway 172.31.0.9",
                "-o com.docker.network.bridge.name=br9",
                "--subnet 172.31.0.0/16 --ip-range 172.31.5.0/24", "--subnet 172.31.0.0/16 --aux-address a=172.31.0.2",
            ]
        )  # fmt: skip
        if wrong:
            flags = pick(
                [
                    "--subnet bogus", "--gateway 1.2.3.4", "-d bogus", "-d overlay", "-d host", "--scope swarm",
                    "--ingress",
                    "--subnet 172.30.0.0/24", "--subnet 172.31.0.0/16 --gateway 1.2.3.4", "--ip-range 172.31.0.0/24",
                    "--subnet 172.31.0.7/24", "--config-only", "--config-from nosuch", "--label =x",
                    "--ipam-driver bogus",
                ]
            )  # fmt: skip
        joined = pick(["", "", "--alias al", "--ip 172.30.0.99", "--link one:l", "--driver-opt a=b"])
        if wrong:
            joined = pick(["--ip 1.2.3", "--link nosuch", "--ip6 ::1", ""])
        return "docker network " + pick(
            [
                f"create {flags} {pick(_NETWORKS)}",
                f"create {flags} {net}",
                f"connect {joined} {net} {self._name()}",
                f"connect {joined} {pick(_NETWORKS)} {self._name()}",
                f"disconnect {pick(['', '', '-f '])}{net} {self._name()}",
                f"disconnect bridge {self._name()}",
                f"rm {pick(['', '', '-f '])}{net} {pick(['', '', 'nosuch'])}",
            ]
        )

    def volume(self, *, wrong: bool) -> str:
        """A volume comes or goes."""
        pick = self._chance.choice
        name = pick(["nosuch", "'b d'", "''", "x", "a/b"]) if wrong else pick(_VOLUMES)
        flags = pick(
            [
                "",
                "--label a=b",
                "-o type=tmpfs -o device=tmpfs",
                "-o type=none -o o=bind -o device=$PWD/dir",
                "-d local",
            ]
        )
        if wrong:
            flags = pick(["-d bogus", "-o bogus=1", "--label =x", "-o type=none", "-o o=bind", "--bogus"])
        return "docker volume " + pick(
            [
                f"create {flags} {name}", f"create {flags} {pick(_VOLUMES)}", f"rm {name}", f"rm -f {name} nosuch",
                f"inspect {name}",
                "create",
            ]
        )  # fmt: skip

    def image(self, *, wrong: bool) -> str:
        """A name of an image, its history, an archive of it."""
        pick = self._chance.choice
        image = pick(["nosuch", "BAD", "a:b:c", "''", "x@sha256:1"]) if wrong else pick([*_IMAGES, *_BASES])
        target = pick(["BAD", "a:", "''", "img:b@d"]) if wrong and self._chance.random() < 0.5 else pick(_IMAGES)
        return "docker " + pick(
            [
                f"tag {image} {target}",
                f"tag {pick(_BASES)} {target}",
                f"rmi {pick(['', '-f ', '--no-prune '])}{pick(_IMAGES)} {pick(['', '', image])}",
                f"rmi {pick(_IMAGES) if image in _BASES else image}",
                f"history --format '{{{{.CreatedBy}}}}|{{{{.Size}}}}|{{{{.Comment}}}}' --no-trunc {image}",
                f"history -q {image} | wc -l",
                f"history -H=false --format '{{{{.Size}}}} {{{{.ID}}}}' {image}",
                f"image inspect -f '{{{{json .Config}}}} {{{{.RepoTags}}}} {{{{len .RootFS.Layers}}}}' {image}",
                f"image inspect -f '{{{{.Size}}}} {{{{.Author}}}} {{{{.Comment}}}} {{{{.Parent}}}}' {image}",
                f"save -o saved.tar {image}; docker rmi {pick(_IMAGES)}; docker load -i saved.tar",
                f"save {image} {pick(_IMAGES)} | docker load -q",
                "load <<<x",
                "load -i nosuch",
                "load -i conf.txt",
            ]
        )

    def prune(self) -> str:
        """What nobody uses goes."""
        # Containers and images that go are told in no order; what is left is compared.
        prunes = self._chance.choice(
            [
                "container prune -f",
                "container prune -f --filter label=a",
                "container prune -f --filter until=1h",
                "container prune -f --filter bogus=1",
                "image prune -f",
                "image prune -f --filter label=a",
                "volume prune -f",
                "volume prune -f --filter label!=a",
                "network prune -f",
                "network prune -f --filter until=1h",
                "system prune -f",
                "system prune -f --volumes",
                "builder prune -f",
            ]
        )
        return f"docker {prunes} 2>&1 | grep -vE '(^|:)[0-9a-f]{{64}}$' | sort"
