"""Random commands that change nothing: lists with filters and formats, inspections, ports, programs."""

import random
from collections.abc import Sequence

_LISTED = "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Status}}|{{.Ports}}|{{.Networks}}|{{.Mounts}}|{{.Labels}}"
_FORMATS = (
    f"--format '{_LISTED}'", "--format '{{json .}}' | jq -S 'del(.ID,.CreatedAt,.RunningFor,.Platform)'", "",
    "--format 'table {{.Names}}\\t{{.Status}}'", "--format '{{.Names}} {{.Label \"a\"}} {{.LocalVolumes}}'", "-q",
    "--no-trunc",
    "-s --format '{{.Names}} {{.Size}}'", "--format '{{upper .Image}} {{.Ports}}'", "-n 2 --format {{.Names}}",
    "-l --format {{.Names}}",
)  # fmt: skip
_FILTERS = (
    "status=running", "status=exited", "status=created", "status=paused", "name=o", "name=^/?web$", "label=a",
    "label=a=b",
    "ancestor=alpine", "ancestor=img:1", "network=net1", "network=bridge", "volume=vol1", "volume=/d", "exited=0",
    "exited=3",
    "health=healthy", "health=none", "health=starting", "publish=18730", "publish=80", "expose=80",
    "expose=80/tcp", "before=web",
    "since=one", "is-task=false", "status=dead", "exited=137",
)  # fmt: skip
_WRONG_FILTERS = (
    "status=bogus",
    "bogus=1",
    "x",
    "exited=x",
    "before=nosuch",
    "health=bogus",
    "ancestor=nosuch",
    "is-task=x",
    "publish=x",
)
_PARTS = (
    "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}} {{.State.OOMKilled}}",
    "{{json .HostConfig}}",
    "{{json .Config}}",
    "{{range .Mounts}}{{.Type}} {{.Destination}} {{.RW}} {{.Mode}};{{end}}",
    "{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.Aliases}} {{$v.IPAddress}};{{end}}",
    "{{.Name}} {{.RestartCount}} {{.Path}} {{.Args}} {{.Platform}}",
    '{{index .Config.Labels "a"}} {{len .Args}} {{printf "%q" .Path}}',
    "{{json .NetworkSettings.Ports}}",
    "{{if .State.Running}}up{{else}}down{{end}} {{.HostConfig.RestartPolicy.Name}}",
    '{{join .Config.Cmd ","}} {{upper .Name}} {{json .Config.Env}} {{split .Name "/"}}',
)
_WRONG_PARTS = ("{{.Bogus}}", "{{", "{{.State.Bogus}}", "{{index .Args 9}}", "{{bogus}}", "{{.Name.X}}", "{{len 3}}")


class Looks:
    """Lines for bash about containers with these names, and about everything else."""

    def __init__(self, chance: random.Random, names: Sequence[str]) -> None:
        self._chance = chance
        self._names = names

    def look(self, *, wrong: bool) -> str:
        """A command that changes nothing."""
        pick, one = self._chance.choice, self._chance.choice([*self._names, *self._names, *self._names, "nosuch"])
        filters = " ".join(f"-f {pick(_FILTERS)}" for _ in range(pick([0, 1, 1, 2])))
        if wrong:
            filters = f"-f {pick(_WRONG_FILTERS)}"
        part = pick(_WRONG_PARTS if wrong else _PARTS)
        draw = self._chance.random()
        if draw < 0.3:
            return f"docker ps {pick(['', '-a ', '-a '])}{filters} {pick(_FORMATS)}"
        if draw < 0.5:
            return f"docker inspect -f '{part}' {one}"
        if draw < 0.75:
            return self._lists(wrong=wrong)
        return "docker " + pick(
            [
                f"port {one}",
                f"port {one} 80",
                f"port {one} {pick(['80/udp', 'x', '99', '80/tcp'])}",
                f"top {one} -o comm,args",
                f"top {one} -eo args",
                f"top {one} {pick(['-o bogus', '-x', 'aux | wc -l'])}",
                f"stats --no-stream --format '{{{{.Name}}}} {{{{.Container}}}}' {one}",
                f"inspect --type {pick(['container', 'image', 'volume', 'network', 'bogus'])} -f '{{{{.Name}}}}' {one}",
                f"inspect -s -f '{{{{.SizeRootFs}}}} {{{{.SizeRw}}}}' {one}",
                "system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'",
                "system df -v --format '{{json .Volumes}}' | jq -S '.[]|[.Name,.Links,.Size]' -c",
                "info --format '{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.Images}}'",
                f"container ls -a --format '{{{{.Names}}}}' --filter name={one}",
                "version --format '{{.Client.APIVersion}}'",
                "inspect alpine net1 -f '{{.Id}}' | wc -l",
                f"inspect {one} vol1 -f '{{{{.Name}}}}'",
            ]
        )

    def _lists(self, *, wrong: bool) -> str:
        """Images, volumes and networks."""
        pick = self._chance.choice
        if wrong:
            return "docker " + pick(
                [
                    "images -f bogus=1", "images -f dangling=x", "images -f before=nosuch", "images BAD",
                    "volume ls -f bogus=1",
                    "volume ls -f dangling=x", "network ls -f bogus=1", "network ls -f type=bogus",
                    "network ls -f scope=bogus",
                    "network inspect nosuch", "volume inspect nosuch", "image inspect nosuch",
                    "images --format '{{.Bogus}}'",
                    "network inspect -f '{{.Bogus}}' bridge", "volume ls -f x", "network ls -f dangling=x",
                ]
            )  # fmt: skip
        return "docker " + pick(
            [
                "images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | sort",
                "images -a -q | wc -l",
                "images --format '{{.Repository}}:{{.Tag}}' --filter reference='img:*' | sort",
                "images --format '{{.Repository}}:{{.Tag}}' --filter before=img:1 | sort",
                "images --format '{{.Repository}}:{{.Tag}}' --filter since=alpine | sort",
                "images --format '{{.Repository}}:{{.Tag}}' --filter label=a | sort",
                "images --filter dangling=true --format '{{.Size}} {{.Digest}}' | sort",
                "images --digests --format '{{.Repository}} {{.Digest}} {{.CreatedSince}}' img | sort",
                "images --format '{{.Repository}}:{{.Tag}}' alp* | sort",
                "volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}}'",
                "volume ls -q -f dangling=true | wc -l",
                "volume ls -q -f name=vol",
                "volume ls -q -f label=a",
                "volume ls -q -f driver=local | wc -l",
                "network ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Internal}} {{.IPv6}} {{.Labels}}'",
                "network ls --format {{.Name}} -f type=custom",
                "network ls --format {{.Name}} -f dangling=true",
                "network ls --format {{.Name}} -f driver=bridge -f name=net",
                "network inspect -f '{{json .IPAM}} {{range .Containers}}{{.Name}} {{.IPv4Address}};{{end}}' net1",
                "network inspect -f '{{json .Options}} {{.Internal}} {{.EnableIPv6}}' net2",
                "volume inspect -f '{{json .Labels}} {{json .Options}} {{.Scope}}' vol1 vol2",
            ]
        )
