"""Each sub-command of the docker command that a lab serves: once as it works and once as it fails, with both versions.

What an engine's answers look like in all the command's formats is in tests/conformance; here every command is there.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import ClientLab

_STACK = """\
version: "3.8"
services:
  web: {image: "alpine:latest", command: [sleep, "1000"], stop_grace_period: 0s, deploy: {replicas: 1}}
"""


class Row(NamedTuple):
    """A command, and patterns of all that it prints: standard output when it works, else standard error."""

    command: str
    pattern: str
    code: int = 0


def fails(command: str, pattern: str, code: int = 1) -> Row:
    return Row(command, pattern, code)


_ID = "[a-z0-9]{25}"
_HASH = "[0-9a-f]{64}"
_DAEMON = "Error response from daemon: "


def missing(kind: str, name: str) -> str:
    """How the two versions of the command say that there is no such object of the swarm."""
    return f"(Status: )?({_DAEMON}{kind} {name} not found|Error: [Nn]o such {kind}: {name})(, Code: 1)?"


SWARM = (
    fails("docker swarm init --advertise-addr 127.0.0.1",
          f"{_DAEMON}This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join "
          "another one."),
    Row("docker swarm join-token worker", r"(?s)To add a worker to this swarm.*docker swarm join --token SWMTKN-1-.*"),
    Row("docker swarm join-token -q manager", "SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}"),
    Row("docker swarm join-token --rotate -q worker", "SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}"),
    fails("docker swarm join-token nosuch", "unknown role nosuch"),
    Row("docker swarm update --task-history-limit 4", "Swarm updated."),
    fails("docker swarm update --dispatcher-heartbeat=-1s",
          f"{_DAEMON}.*heartbeat time period cannot be a negative duration"),
    fails("docker swarm unlock-key", "no unlock key is set"),
    Row("docker swarm update --autolock=true", r"(?s)Swarm updated\..*SWMKEY-1-.*"),
    Row("docker swarm unlock-key -q", "SWMKEY-1-[A-Za-z0-9+/]{43}"),
    Row("docker swarm update --autolock=false", "Swarm updated."),
    fails("echo x | docker swarm unlock", "(?s).*swarm is not locked"),
    Row("docker swarm ca", "(?s)-----BEGIN CERTIFICATE-----.*"),
    fails("docker swarm ca --rotate --external-ca bogus", "(?s).*external-ca.*", 125),
    fails("docker -c node-2 swarm leave", f"{_DAEMON}.*not part of a swarm.*"),
    fails("docker swarm leave",
          f"{_DAEMON}You are attempting to leave the swarm on a node that is participating as a manager.*"),
    fails("docker -c node-2 swarm join --token SWMTKN-1-bogus 127.0.0.1:2377", f"{_DAEMON}invalid join token"),
)  # fmt: skip

NODE = (
    Row("docker node ls", r"(?s)ID\s+HOSTNAME.*node-1\s+Ready\s+Active\s+Leader\s+28.2.2"),
    fails("docker -c node-2 node ls", f"{_DAEMON}This node is not a swarm manager.*"),
    Row("docker node inspect node-1 --format '{{.Spec.Role}}'", "manager"),
    Row("docker node inspect --pretty self", r"(?s)ID:\s+\S+\nHostname:.*Manager Status:.*Raft Status:.*Reachable.*"),
    fails("docker node inspect nosuch", missing("node", "nosuch")),
    Row("docker node update --label-add zone=a --availability active node-1", "node-1"),
    fails("docker node update --availability bogus node-1", f'{_DAEMON}invalid Availability: "bogus"'),
    fails("docker node update --label-rm nosuch node-1", "key nosuch doesn't exist in node's labels"),
    Row("docker node ps node-1 --format '{{.Name}}'", r"web\.1"),
    fails("docker node ps nosuch", missing("node", "nosuch")),
    Row("docker node promote node-1", f"Node {_ID} is already a manager."),
    fails("docker node demote node-1", f"{_DAEMON}.*attempting to demote the last manager of the swarm"),
    fails("docker node rm node-1", f"{_DAEMON}.*node {_ID} is a cluster manager and is a member of the raft cluster.*"),
    fails("docker node rm --force nosuch", missing("node", "nosuch")),
)

SERVICE = (
    Row("docker service create --quiet --detach --name two alpine sleep 1000", _ID),
    fails("docker service create --quiet --detach --name two alpine",
          f"{_DAEMON}rpc error: code = AlreadyExists desc = name conflicts with an existing object: "
          "service two already exists"),
    fails("docker service create", "(?s).*requires at least 1 argument.*"),
    Row("docker service ls --format '{{.Name}}'", "two\nweb"),
    Row("docker service ls --quiet --filter name=web", "[a-z0-9]{12}"),
    Row("docker service inspect web --format '{{.Spec.Name}}'", "web"),
    fails("docker service inspect nosuch", missing("service", "nosuch")),
    Row("docker service ps web --format '{{.Name}}'", r"web\.1"),
    fails("docker service ps nosuch", "no such service: nosuch"),
    Row("docker service scale --detach two=2", "two scaled to 2"),
    fails("docker service scale nosuch=1", f"nosuch: {missing('service', 'nosuch')}"),
    Row("docker service update --quiet --detach --env-add A=b two", "two"),
    fails("docker service update --detach nosuch", missing("service", "nosuch")),
    Row("docker service rollback --quiet --detach two", "two"),
    fails("docker service rollback --detach web",
          f"{_DAEMON}.*service {_ID} does not have a previous spec|.*does not have a previous specification.*"),
    Row("docker service logs --raw web", "hello"),
    fails("docker service logs nosuch", "no such task or service: nosuch"),
    Row("docker service rm two", "two"),
    fails("docker service rm two", missing("service", "two")),
)  # fmt: skip

STACK = (
    Row("docker stack deploy -c stack.yml app", "(?s).*Creating service app_web"),
    fails("docker stack deploy -c nosuch.yml app", "open nosuch.yml: no such file or directory"),
    Row("docker stack ls --format '{{.Name}} {{.Services}}'", "app 1"),
    Row("docker stack services app --format '{{.Name}}'", "app_web"),
    Row("docker stack services nosuch", "|Nothing found in stack: nosuch"),
    Row("docker stack ps app --format '{{.Name}}'", r"app_web\.1"),
    fails("docker stack ps nosuch", "nothing found in stack: nosuch"),
    Row("docker stack rm app", "(?s)Removing service app_web\nRemoving network app_default"),
    Row("docker stack rm nosuch 2>&1", "Nothing found in stack: nosuch"),
    # The node has the network until the task's container has ended, if that had begun.
    Row("while docker network ls --format '{{.Name}}' | grep -qx app_default; do sleep 0.1; done", "^$"),
)

CONFIG = (
    Row("echo x | docker config create --label a=b two -", _ID),
    fails(
        "echo x | docker config create two -",
        f"{_DAEMON}rpc error: code = AlreadyExists desc = config two already exists",
    ),
    Row("docker config ls --format '{{.Name}}'", "one\ntwo"),
    Row("docker config inspect --pretty one", "(?s)ID:.*Name:\\s+one.*Data:\nfirst.*"),
    fails("docker config inspect nosuch", missing("config", "nosuch")),
    Row("docker config rm two", "two"),
    fails("docker config rm two", missing("config", "two")),
)

SECRET = (
    Row("echo x | docker secret create --label a=b two -", _ID),
    fails(
        "echo x | docker secret create two -",
        f"{_DAEMON}rpc error: code = AlreadyExists desc = secret two already exists",
    ),
    Row("docker secret ls --format '{{.Name}}'", "one\ntwo"),
    Row("docker secret inspect --pretty one", "(?s)ID:.*Name:\\s+one.*"),
    fails("docker secret inspect nosuch", missing("secret", "nosuch")),
    Row("docker secret rm two", "two"),
    fails("docker secret rm two", missing("secret", "two")),
)

NETWORK = (
    Row("docker network create --driver overlay --attachable net", _ID),
    fails("docker network create --driver overlay net", f"{_DAEMON}.*network with name net already exists.*"),
    Row("docker network ls --filter driver=overlay --format '{{.Name}}'", "ingress\nnet"),
    Row("docker network inspect net --format '{{.Scope}} {{.Attachable}}'", "swarm true"),
    fails("docker network inspect nosuch", f"(Error: No such network: nosuch|{_DAEMON}network nosuch not found)"),
    Row("docker network rm net", "net"),
    fails(
        "docker network rm net",
        "Error( response from daemon)?: (No such network: net|network net not found)(\nexit status 1)?",
    ),
    Row("docker network create --subnet 10.201.0.0/24 own", _HASH),
    Row("docker run --detach --name joiner alpine sleep 1000", _HASH),
    Row("docker network connect --ip 10.201.0.9 own joiner", "^$"),
    Row("docker inspect joiner --format '{{.NetworkSettings.Networks.own.IPAddress}}'", r"10\.201\.0\.9"),
    fails("docker network connect own joiner", f"{_DAEMON}endpoint with name joiner already exists in network own"),
    # A manager asks the swarm for it (compared with engine 20.10).
    fails(
        "docker network connect nosuch joiner",
        f"{_DAEMON}Could not attach to network nosuch: rpc error: code = NotFound desc = network nosuch not found",
    ),
    fails("docker network rm own", "(?s).*network own.* has active endpoints.*"),
    Row("docker network disconnect own joiner", "^$"),
    fails("docker network disconnect own joiner", f"{_DAEMON}container {_HASH} is not connected to (the )?network own"),
    Row("docker network rm own", "own"),
    Row("docker rm --force joiner", "joiner"),
    Row("docker network prune --force", "^$"),
    fails("docker network prune --force --filter bogus=1", f"{_DAEMON}.*[Ii]nvalid filter 'bogus'"),
)

CONTAINER = (
    Row("docker container run --detach --name box alpine sh -c 'echo up; sleep 1000'", _HASH),
    Row("docker container run --rm alpine echo hello", "hello"),
    fails("docker container run --name box alpine",
          f'(?s)docker: {_DAEMON}Conflict. The container name "/box" is already in use by container "{_HASH}".*', 125),
    fails("docker container run --rm alpine nosuch", "(?s)docker: .*executable file not found.*", 127),
    Row("docker container create --name idle alpine sleep 1000", _HASH),
    fails("docker container create --pull never nosuch", "(?s).*No such image: nosuch:latest.*"),
    # By the whole name: the 25 letters and figures at the end of a task container's may have a box among them.
    Row("docker container ls --filter 'name=^box$' --format '{{.Names}} {{.State}}'", "box running"),
    Row("docker container ls --all --size --filter 'name=^idle$' --format '{{.Names}} {{.Status}}'", "idle Created"),
    fails("docker container ls --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
    Row("docker container inspect box --format '{{.State.Status}}'", "running"),
    fails("docker container inspect nosuch", f"(Error: No such container: nosuch|{_DAEMON}No such container: nosuch)"),
    Row("docker container start idle", "idle"),
    fails("docker container start nosuch", f"(?s){_DAEMON}No such container: nosuch\n.*failed to start.*nosuch"),
    Row("docker container exec box cat /etc/hostname", "[0-9a-f]{12}"),
    fails("docker container exec box sh -c 'exit 3'", "", 3),
    fails("docker container exec nosuch true", f"({_DAEMON}|Error: )No such container: nosuch"),
    Row("docker container logs box", "up"),
    fails("docker container logs nosuch", f"({_DAEMON}|Error: )No such container: nosuch"),
    Row("docker container top box", "(?s)UID.*sh -c echo up; sleep 1000"),
    fails("docker container top nosuch", f"{_DAEMON}No such container: nosuch"),
    Row("docker container stats --no-stream --format '{{.Name}}' box", "box"),
    fails("docker container stats --no-stream nosuch", f"{_DAEMON}No such container: nosuch"),
    Row("docker container port box", "^$"),
    fails("docker container port box 80", "(Error: )?No public port '80(/tcp)?' published for box"),
    Row("echo hi > note && docker container cp note box:/tmp/note && docker exec box cat /tmp/note", "hi"),
    fails("docker container cp box:/nosuch .",
          f"{_DAEMON}Could not find the file /nosuch in container box|Error: No such container:path: box:/nosuch"),
    Row("docker container diff box", "(?s).*/tmp/note"),
    fails("docker container diff nosuch", f"{_DAEMON}No such container: nosuch"),
    Row("docker container export box | tar t | grep -cx etc/os-release", "1"),
    fails("docker container export nosuch > /dev/null", f"{_DAEMON}No such container: nosuch"),
    Row("docker container pause box", "box"),
    fails("docker container pause box", f"{_DAEMON}.*Container {_HASH} is already paused"),
    Row("docker container unpause box", "box"),
    fails("docker container unpause box", f"{_DAEMON}.*Container {_HASH} is not paused"),
    Row("docker container commit box made:1", "sha256:" + _HASH),
    fails("docker container commit nosuch made:2", f"{_DAEMON}No such container: nosuch"),
    Row("docker container rename idle other", "^$"),
    fails("docker container rename other box",
          f'(?s){_DAEMON}Error when allocating new name: Conflict. The container name "/box" is already in use.*'),
    Row("docker container update --memory 64m --memory-swap=-1 other", "other"),
    fails("docker container update --restart bogus other", "(?s).*invalid restart policy.*"),
    Row("docker container kill other", "other"),
    fails("docker container kill other", f"{_DAEMON}.*[Cc]annot kill container: other: .*is not running"),
    Row("docker container wait other", "137"),
    fails("docker container wait nosuch", f"{_DAEMON}No such container: nosuch"),
    Row("docker container restart -t 0 other", "other"),
    fails("docker container restart nosuch", f"{_DAEMON}No such container: nosuch"),
    Row("docker container stop -t 0 other", "other"),
    fails("docker container stop nosuch", f"{_DAEMON}No such container: nosuch"),
    fails("docker container rm box", f"{_DAEMON}.*[Cc]annot remove .*container.*running.*|{_DAEMON}You cannot remove a "
          f"running container {_HASH}. Stop the container before attempting removal or force remove"),
    Row("docker container rm --force box", "box"),
    fails("docker container rm box", f"(Error: |{_DAEMON})No such container: box"),
    Row("docker container prune --force", "(?s)Deleted Containers:\n.*Total reclaimed space: .*"),
    fails("docker container prune --force --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
)  # fmt: skip

IMAGE = (
    Row("docker image ls --format '{{.Repository}}:{{.Tag}}' --filter reference=busybox", "busybox:latest"),
    fails("docker image ls --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
    Row("docker image inspect alpine --format '{{json .RepoTags}}'", r'\["alpine:latest"\]'),
    fails("docker image inspect nosuch", f"(Error: |{_DAEMON}no such image: nosuch: )No such image: nosuch(:latest)?"),
    Row("docker image history --quiet alpine", "(?s)[0-9a-f]{12}.*"),
    fails("docker image history nosuch", f"(?s){_DAEMON}.*No such image: nosuch:latest"),
    Row("docker image pull alpine", "(?s).*docker.io/library/alpine:latest"),
    fails("docker image pull nosuch", f"(?s){_DAEMON}pull access denied for nosuch, repository does not exist.*"),
    Row("docker image tag alpine mine:1", "^$"),
    fails("docker image tag nosuch mine:2", f"(?s){_DAEMON}.*[Nn]o such image: nosuch.*"),
    Row("docker image save mine:1 | docker image load --quiet", "Loaded image: mine:1"),
    fails("echo bogus | docker image load", "(?s).+"),
    fails("docker image save nosuch > /dev/null", f"(?s){_DAEMON}.*nosuch.*"),
    Row("docker image rm mine:1", "Untagged: mine:1"),
    fails("docker image rm mine:1", "(?s).*No such image: mine:1"),
    Row("docker image prune --force", "(?s).*Total reclaimed space: .*"),
    fails("docker image prune --force --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
)

BUILD = (
    Row("printf 'FROM alpine\\nRUN echo hi > /x\\nCMD cat /x' | docker build --tag built:1 -",
        "(?s).*Step 2/3 : RUN echo hi > /x\n ---> Running in [0-9a-f]{12}\n.*Successfully tagged built:1"),
    Row("docker run --rm built:1", "hi"),
    Row("mkdir context; echo one > context/a; echo two > context/b; echo b > context/.dockerignore; "
        "printf 'ARG V\\nFROM built:$V\\nCOPY . /c/\\nCMD cat /c/*' > context/Other; "
        "docker image build --quiet --file context/Other --build-arg V=1 --label l=2 --iidfile id context",
        "sha256:.*"),
    Row("docker run --rm $(cat id)", "(?s)ARG V\n.*one"),
    Row("docker image inspect --format '{{.Config.Labels.l}}' $(cat id)", "2"),
    Row("tar c -C context . | gzip | docker build --quiet --file Other --build-arg V=1 --label l=2 -", "sha256:.*"),
    Row("printf 'FROM alpine\\nCOPY a /' > Elsewhere; docker build --quiet --file Elsewhere context", "sha256:.*"),
    fails("docker build --quiet nosuch", "(?s).*unable to prepare context: path \"nosuch\" not found"),
    fails("echo FRM | docker build -", f"(?s).*{_DAEMON}dockerfile parse error line 1: unknown instruction: FRM"),
    Row("printf 'FROM alpine\\nRUN exit 7' | docker build -",
        "(?s).*The command '/bin/sh -c exit 7' returned a non-zero code: 7", 7),
    Row("docker builder prune --force", "Total reclaimed space: 0B"),
)  # fmt: skip

_PUSHED = r"latest: digest: sha256:[0-9a-f]{64} size: \d+"
REGISTRY = (
    Row("docker run --detach --name registry --publish 5000:5000 registry:2", _HASH),
    Row("until docker logs registry 2>&1 | grep -q listening; do :; done; docker tag alpine 127.0.0.1:5000/app; "
        "docker push 127.0.0.1:5000/app",
        rf"(?s).*The push refers to repository \[127.0.0.1:5000/app\]\n.*Pushed\n{_PUSHED}"),
    Row("docker image rm 127.0.0.1:5000/app", "(?s)Untagged: 127.0.0.1:5000/app:latest\nUntagged: .*@sha256:.*"),
    Row("docker pull 127.0.0.1:5000/app", "(?s).*latest: Pulling from app\nDigest: sha256:.*\nStatus: Downloaded newer "
        "image for 127.0.0.1:5000/app:latest\n127.0.0.1:5000/app:latest"),
    fails("docker pull 127.0.0.1:5000/no",
          f"{_DAEMON}manifest for 127.0.0.1:5000/no:latest not found: manifest unknown: manifest unknown"),
    fails("docker push 127.0.0.1:5000/no", "An image does not exist locally with the tag: 127.0.0.1:5000/no"),
    fails("docker pull 127.0.0.1:5001/app",
          f'{_DAEMON}Get "http://127.0.0.1:5001/v2/": dial tcp 127.0.0.1:5001: connect: connection refused'),
    Row("docker service create --detach --quiet --name app 127.0.0.1:5000/app sleep 1000", _ID),
    Row("docker service inspect --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}' app",
        "127.0.0.1:5000/app:latest@sha256:[0-9a-f]{64}"),
    Row("echo secret | docker login --username me --password-stdin 127.0.0.1:5000", "(?s).*Login Succeeded"),
    Row("docker run --rm -v /var/run/docker.sock:/var/run/docker.sock alpine ls -l /var/run/docker.sock",
        "srw-rw---- .* /var/run/docker.sock"),
    Row("docker service rm app; docker rm --force --volumes registry", "app\nregistry"),
)  # fmt: skip

VOLUME = (
    Row("docker volume create --label a=b data", "data"),
    fails("docker volume create --driver nosuch other", f"(?s){_DAEMON}.*nosuch.*"),
    Row("docker volume ls --quiet --filter label=a=b", "data"),
    fails("docker volume ls --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
    Row("docker volume inspect data --format '{{.Driver}} {{.Scope}}'", "local local"),
    fails("docker volume inspect nosuch", "(?s).*([Nn]o such volume: nosuch|no such volume|volume nosuch not found)"),
    Row("docker run --rm -v data:/d alpine sh -c 'echo kept > /d/f' && docker run --rm -v data:/d alpine cat /d/f",
        "kept"),
    Row("docker volume rm data", "data"),
    fails("docker volume rm data", "(?s).*([Nn]o such volume: data|no such volume|volume data not found)"),
    Row("docker volume prune --force", "(?s).*Total reclaimed space: .*"),
    fails("docker volume prune --force --filter bogus=1", f"{_DAEMON}[Ii]nvalid filter 'bogus'"),
)  # fmt: skip

SYSTEM = (
    Row("docker system info --format '{{.Name}} {{.Swarm.LocalNodeState}}'", "node-1 active"),
    Row("docker system df --format '{{.Type}}'", "Images\nContainers\nLocal Volumes\nBuild Cache"),
    Row("docker system events --since 10m --until 0s --filter type=service --format '{{.Action}}'", "(?s)create.*"),
    fails("docker system events --until bogus", "(?s).*bogus.*"),
    Row("docker system prune --force", "(?s).*Total reclaimed space: .*"),
    Row("docker version --format '{{.Server.Version}}'", "28.2.2"),
    Row("docker info | grep -E '^ *(Swarm|Is Manager):'", r"Swarm: active\n\s+Is Manager: true"),
)

CONTEXT = (
    Row("docker context ls --format '{{.Name}}'", "default\nnode-1\nnode-2"),
    Row("docker context inspect node-2 --format '{{.Endpoints.docker.Host}}'", "unix://.*/node-2.sock"),
    fails("docker context inspect nosuch", '(?s).*context "?nosuch"?.*not found.*|.*nosuch.*not.*'),
    Row("docker --context node-2 info --format '{{.Name}}'", "node-2"),
    fails("docker --context nosuch ps", "(?s).*nosuch.*"),
    Row("env -u DOCKER_HOST docker context use node-2", "(?s)node-2"),
    Row("env -u DOCKER_HOST docker info --format '{{.Name}}'", "node-2"),
    Row("docker info --format '{{.Name}}' 2>/dev/null", "node-1"),
    Row("env -u DOCKER_HOST docker context use default", "(?s)default"),
    fails("docker context rm nosuch", "(?s).*nosuch.*"),
)

TABLES = {
    "swarm": SWARM, "node": NODE, "service": SERVICE, "stack": STACK, "config": CONFIG, "secret": SECRET,
    "network": NETWORK, "container": CONTAINER, "image": IMAGE, "build": BUILD,
    "registry": REGISTRY,
    "volume": VOLUME, "system": SYSTEM, "context": CONTEXT,
}  # fmt: skip


class Shell:
    """Runs commands in a folder, with one version of the docker command."""

    def __init__(self, docker: Path, folder: Path, lab: ClientLab) -> None:
        self._folder = folder
        (folder / "bin").mkdir()
        (folder / "bin" / "docker").symlink_to(docker)
        (folder / "stack.yml").write_text(_STACK)
        env = lab.env()
        self._env = {**env, "PATH": f"{folder / 'bin'}:{env['PATH']}"}

    def __call__(self, command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self._folder, env=self._env, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def problem(self, row: Row) -> str:
        """What is wrong with what a command does; empty when nothing is."""
        done = self(row.command)
        said = (done.stderr if row.code else done.stdout).strip()
        if done.returncode == row.code and re.fullmatch(row.pattern, said):
            return ""
        return (
            f"$ {row.command}\n  {done.returncode}, not {row.code}\n{done.stdout}{done.stderr}  wanted: {row.pattern}"
        )


def _docker(version: str) -> Path:
    """The docker command of that version. Skips the test when it is not here."""
    for candidate in (shutil.which("docker"), "/usr/bin/docker"):
        if candidate is None or not Path(candidate).exists():
            continue
        said = subprocess.run([candidate, "--version"], check=True, capture_output=True, text=True).stdout
        if f"version {version}." in said:
            return Path(candidate)
    pytest.skip(f"there is no docker {version} here")


@pytest.fixture(scope="module", params=["28", "20.10"])
def shell(request: pytest.FixtureRequest, lab: ClientLab, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A swarm of node-1 with a service, a config and a secret; node-2 is in none."""
    made = Shell(_docker(request.param), tmp_path_factory.mktemp("shell"), lab)
    lab.reset()
    for command in (
        "docker swarm init --advertise-addr 127.0.0.1",
        "docker service create --quiet --detach --name web alpine sh -c 'echo hello; sleep 1000'",
        "echo first | docker config create one -",
        "echo first | docker secret create one -",
        "until docker service logs --raw web 2>/dev/null | grep -q hello; do :; done",
    ):
        done = made(command)
        assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("kind", TABLES)
def test_each_command_works_and_fails_as_docker_does(kind: str, shell: Shell) -> None:
    problems = [problem for row in TABLES[kind] if (problem := shell.problem(row))]
    assert not problems, "\n\n".join(problems)
