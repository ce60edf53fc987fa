"""What containers of a lab reach of each other, over real sockets."""

import asyncio
import base64
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest

from swarmlab.clock import SECOND, ScaledClock
from swarmlab.engine import DockerEngine, Lab
from swarmlab.engine.lab import NODE_LOSS_NOTICED
from swarmlab.journal import Journal, Seal
from swarmlab.objects import (
    BlobSpec,
    ContainerSpec,
    EndpointSpec,
    NetworkAttachmentConfig,
    NetworkSpec,
    PortConfig,
    Service,
    ServiceMode,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    UpdateConfig,
)
from swarmlab.objects.container import ConfigReference, FileTarget
from swarmlab.objects.local import Container
from swarmlab.objects.requests import InitRequest, JoinRequest, NetworkCreateRequest
from swarmlab.objects.run import ContainerRequest, EndpointSettings, HostConfig, NetworkingConfig
from swarmlab.objects.service import ReplicatedService
from swarmlab.runtime import base
from swarmlab.store import Actor

ACTOR = Actor(engine="node-1")
EXTRA_HOSTS = ("far:9.9.9.9", "host.docker.internal:host-gateway")
WHOAMI = "fundamentalsofdocker/whoami"
T = TypeVar("T")


class Net:
    """A swarm of two nodes whose containers run, ten times as fast as the clock on the wall."""

    def __init__(self, folder: Path) -> None:
        self.clock = ScaledClock(10)
        self._runner = asyncio.Runner()
        self._journal = Journal(folder / "journal.sqlite", Seal(folder / "key"))
        self.lab = self._runner.run(self._open(folder))

    async def _open(self, folder: Path) -> Lab:
        lab = Lab(
            name="test", nodes=2, clock=self.clock, journal=self._journal, state_dir=folder,
            addresses=["127.0.0.1", "127.0.0.2"],
        )  # fmt: skip
        await lab.start()
        await lab.engines["node-1"].cluster.init(InitRequest())
        token = lab.engines["node-1"].cluster.control().cluster().root_ca.join_tokens.worker
        await lab.engines["node-2"].cluster.join(JoinRequest(remote_addrs=("127.0.0.1:2377",), join_token=token))
        return lab

    def close(self) -> None:
        self.run(self.lab.stop())
        self._journal.close()
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(asyncio.wait_for(work, 60))

    @property
    def control(self) -> Any:
        return self.lab.engines["node-1"].cluster.control()

    def network(self, name: str) -> str:
        network: str = self.control.create_network(NetworkSpec(name=name, attachable=True), ACTOR).id
        return network

    def service(
        self, name: str, image: str, replicas: int, *networks: str, command: tuple[str, ...] = (), mode: str = "vip",
        port: int = 0, alias: str = "", config: str = "",
    ) -> Service:  # fmt: skip
        """A service whose tasks all run."""
        references: tuple[ConfigReference, ...] = ()
        if config:
            made = self.control.create_config(
                BlobSpec(name=f"{name}-site", data=base64.b64encode(config.encode()).decode()), ACTOR
            )
            target = FileTarget(name="/etc/nginx/conf.d/default.conf", mode=0o444)
            references = (ConfigReference(file=target, config_id=made.id, config_name=made.spec.name),)
        spec = ServiceSpec(
            name=name,
            task_template=TaskSpec(
                container_spec=ContainerSpec(image=image, command=command, configs=references),
                networks=tuple(
                    NetworkAttachmentConfig(target=each, aliases=(alias,) if alias else ()) for each in networks
                ),
            ),
            mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)),
            endpoint_spec=EndpointSpec(
                mode=mode,
                ports=(PortConfig(protocol="tcp", target_port=80, published_port=port, publish_mode="ingress"),)
                if port
                else (),
            ),
        )
        service: Service = self.control.create_service(spec, ACTOR)
        self.run(self.running(service.id, replicas))
        return service

    def tasks(self, service_id: str) -> list[Task]:
        tasks: list[Task] = self.control.tasks_of([service_id])
        return [task for task in tasks if task.state == TaskState.RUNNING and task.desired_state == TaskState.RUNNING]

    async def running(self, service_id: str, count: int) -> None:
        await self.until(lambda: len(self.tasks(service_id)) == count)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110  (whatever the condition is about has no event of its own)
            await asyncio.sleep(0.005)

    def containers(self, service: Service) -> list[tuple[DockerEngine, Container]]:
        found = [
            (engine, container)
            for task in self.tasks(service.id)
            for engine in self.lab.engines.values()
            if (container := engine.containers.of_task(task.id)) is not None
        ]
        assert found
        return found

    def exec(self, service: Service, *command: str, number: int = 0) -> str:
        """What a command in one of a service's containers says."""
        engine, container = self.containers(service)[number]
        runs = engine.containers.runtime_container(container.id)
        assert runs is not None
        return self.run(output(runs, *command))


async def output(container: base.Container, *command: str) -> str:
    said = bytearray()

    async def collect(stream: str, data: bytes) -> None:
        said.extend(data)

    await container.exec(command, collect)
    return said.decode()


async def wait_for_line(container: base.Container, text: str) -> None:
    async for line in container.logs(follow=True):
        if text in line.data.decode():
            return


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    made = Net(tmp_path)
    yield made
    made.close()


def test_services_find_each_other_by_name_and_share_the_work(net: Net) -> None:
    app, other = net.network("app"), net.network("other")
    web = net.service("web", WHOAMI, 4, app, alias="whoever")
    box = net.service("box", "alpine", 2, app, command=("sleep", "100000"))
    stranger = net.service("stranger", "alpine", 1, other, command=("sleep", "100000"))
    everyone = {f"I'm {container.hostname}\n" for _, container in net.containers(web)}
    assert len({engine.name for engine, _ in net.containers(web)}) == 2, "tasks of both nodes take part"
    for name in ("web", "whoever", "web.app"):
        counts = Counter(net.exec(box, "wget", "-qO-", f"http://{name}:8000") for _ in range(8))
        assert counts == dict.fromkeys(everyone, 2)
    said = {net.exec(box, "wget", "-qO-", "http://tasks.web:8000") for _ in range(40)}
    assert said == everyone
    addresses = net.exec(box, "nslookup", "tasks.web").count("Address: 10.")
    assert addresses == 4
    for name in ("web", "whoever", "tasks.web"):
        assert net.exec(stranger, "wget", "-qO-", f"http://{name}:8000") == f"wget: bad address '{name}:8000'\n"
    (virtual,) = (ip.addr.partition("/")[0] for ip in net.control.service(web.id).endpoint.virtual_ips)
    assert net.exec(stranger, "wget", "-T", "1", "-qO-", f"http://{virtual}:8000") == "wget: download timed out\n"
    assert net.exec(box, "wget", "-qO-", "http://web") == (
        f"wget: can't connect to remote host ({virtual}): Connection refused\n"
    )


def test_containers_know_their_own_addresses(net: Net) -> None:
    box = net.service("box", "alpine", 1, net.network("app"), command=("sleep", "100000"))
    ((_, container),) = net.containers(box)
    own = container.endpoints[0].addresses[0]
    address = own.partition("/")[0]
    assert net.exec(box, "cat", "/etc/hosts").endswith(f"ff02::2\tip6-allrouters\n{address}\t{container.hostname}\n")
    assert net.exec(box, "cat", "/etc/resolv.conf") == "nameserver 127.0.0.11\noptions ndots:0\n"
    assert net.exec(box, "hostname", "-i") == f"{address}\n"
    assert f"    inet {own} brd 10.0.1.255 scope global eth0\n" in net.exec(box, "ip", "addr")
    assert "1 packets transmitted, 1 packets received" in net.exec(box, "ping", "-c", "1", container.name)


def test_a_cut_network_leaves_each_side_the_tasks_that_it_has(net: Net) -> None:
    app = net.network("app")
    web = net.service("web", WHOAMI, 4, app)
    box = net.service("box", "alpine", 1, app, command=("sleep", "100000"))
    ((here, _),) = net.containers(box)
    near = {f"I'm {c.hostname}\n" for engine, c in net.containers(web) if engine is here}
    net.lab.partition(["node-2"])
    said = {net.exec(box, "wget", "-qO-", "http://web:8000") for _ in range(8)}
    assert said == near


def test_nginx_in_front_of_services(net: Net) -> None:
    app = net.network("app")
    web = net.service("web", WHOAMI, 2, app)
    echo = net.service("echo", "traefik/whoami", 2, app, mode="dnsrr")
    front = net.service(
        "front", "nginx", 1, app,
        config=(
            "upstream both { server echo:80 weight=2; }\n"
            "server { listen 80;\n"
            "location / { proxy_pass http://web:8000; }\n"
            "location /both { proxy_set_header X-Real-IP $remote_addr; proxy_pass http://both; }\n"
            "location /gone { proxy_pass http://web:9; } }\n"
        ),
    )  # fmt: skip
    box = net.service("box", "alpine", 1, app, command=("sleep", "100000"))
    counts = Counter(net.exec(box, "wget", "-qO-", "http://front") for _ in range(6))
    assert counts == {f"I'm {container.hostname}\n": 3 for _, container in net.containers(web)}
    ((_, source),) = net.containers(box)
    ((_, proxy),) = net.containers(front)
    said = [net.exec(box, "wget", "-qO-", "http://front/both") for _ in range(4)]
    assert {text.splitlines()[0] for text in said} == {
        f"Hostname: {container.hostname}" for _, container in net.containers(echo)
    }
    address = [container.endpoints[0].addresses[0].partition("/")[0] for container in (source, proxy)]
    assert f"X-Real-Ip: {address[0]}\n" in said[0].replace("X-Real-IP", "X-Real-Ip")
    assert f"RemoteAddr: {address[1]}:" in said[0]
    assert "Host: both\n" in said[0]
    assert net.exec(box, "wget", "-qO-", "http://front/gone") == (
        "wget: server returned error: HTTP/1.1 502 Bad Gateway\n"
    )
    ((engine, proxy),) = net.containers(front)
    runs = engine.containers.runtime_container(proxy.id)
    assert runs is not None
    (virtual,) = (ip.addr.partition("/")[0] for ip in net.control.service(web.id).endpoint.virtual_ips)
    net.run(wait_for_line(runs, "connect() failed (111: Connection refused) while connecting to upstream"))
    sent = f'client: {address[0]}, server: , request: "GET /gone HTTP/1.1", upstream: "http://{virtual}:9/gone"'
    net.run(wait_for_line(runs, sent))


class Load:
    """Clients that ask without a pause, each time on a new connection; what they asked, and what was lost."""

    def __init__(self, net: Net, port: int) -> None:
        self._net = net
        entries = [found for found in net.lab.published() if found.port == port]
        self._urls = [f"http://{entry.bound_address}:{entry.bound_port}/" for entry in entries]
        self._stop = asyncio.Event()
        self.asked = 0
        self.lost: Counter[str] = Counter()

    async def during(self, work: Coroutine[Any, Any, None]) -> None:
        """Ask as long as some work goes on, and at least once."""
        self._stop.clear()
        clients = [asyncio.ensure_future(self._ask(url)) for url in self._urls]
        before = self.asked
        try:
            await work
            await self._net.until(lambda: self.asked > before)
        finally:
            self._stop.set()
            await asyncio.gather(*clients)

    async def _ask(self, url: str) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            while not self._stop.is_set():
                self.asked += 1
                try:
                    async with session.get(url) as reply:
                        await reply.read()
                        if reply.status != 200:
                            self.lost[str(reply.status)] += 1
                except aiohttp.ClientError as error:
                    self.lost[type(error).__name__] += 1


def changed(net: Net, service: Service, **changes: Any) -> None:
    """Update a service; `order` is that of its updates, `replicas` how many tasks it has, or roll it `back`."""
    now: Service = net.control.service(service.id)
    spec = now.spec
    if changes.get("back"):
        net.control.update_service(service.id, now.version, now.previous_spec, rollback=True, actor=ACTOR)
        return
    if order := changes.get("order"):
        again = msgspec.structs.replace(spec.task_template, force_update=spec.task_template.force_update + 1)
        config = UpdateConfig(parallelism=1, delay=SECOND, order=order, monitor=SECOND)
        spec = msgspec.structs.replace(spec, task_template=again, update_config=config, rollback_config=config)
    if replicas := changes.get("replicas"):
        spec = msgspec.structs.replace(spec, mode=ServiceMode(replicated=ReplicatedService(replicas=replicas)))
    net.control.update_service(service.id, now.version, spec, rollback=False, actor=ACTOR)


async def replaced(net: Net, service: Service, **changes: Any) -> None:
    """Change a service so that all its three tasks are new ones."""
    before = {task.id for task in net.tasks(service.id)}
    changed(net, service, **changes)
    await net.until(lambda: len({task.id for task in net.tasks(service.id)} - before) == 3)
    await net.running(service.id, 3)


async def scaled(net: Net, service: Service, replicas: int) -> None:
    changed(net, service, replicas=replicas)
    await net.running(service.id, replicas)
    gone = {TaskState.SHUTDOWN, TaskState.COMPLETE, TaskState.REMOVE}
    await net.until(lambda: all(t.state in gone or t.slot <= replicas for t in net.control.tasks_of([service.id])))


async def made_available(net: Net, service: Service, node_id: str, availability: str) -> None:
    node = net.control.node(node_id)
    spec = msgspec.structs.replace(node.spec, availability=availability)
    net.control.update_node(node_id, node.version, spec, ACTOR)
    if availability == "drain":
        await net.until(lambda: not any(task.node_id == node_id for task in net.tasks(service.id)))
        await net.running(service.id, 3)


def test_what_a_swarm_does_to_a_service_loses_no_request(net: Net) -> None:
    """Tasks are withdrawn before they are stopped, and come in only when they run."""
    web = net.service("web", "nginx", 3, net.network("app"), port=18099)
    load = Load(net, 18099)
    worker = next(task.node_id for task in net.tasks(web.id) if task.node_id != net.control.nodes()[0].id)
    for name, work in {
        "start-first": lambda: replaced(net, web, order="start-first"),
        "back, start-first": lambda: replaced(net, web, back=True),
        "stop-first": lambda: replaced(net, web, order="stop-first"),
        "back, stop-first": lambda: replaced(net, web, back=True),
        "up": lambda: scaled(net, web, 6),
        "down": lambda: scaled(net, web, 3),
        "drain": lambda: made_available(net, web, worker, "drain"),
        "active": lambda: made_available(net, web, worker, "active"),
    }.items():
        net.run(load.during(work()))
        assert not load.lost, name
    assert load.asked > 1000


def test_connections_to_the_tasks_of_a_dead_node_wait_until_that_is_noticed(net: Net) -> None:
    web = net.service("web", "nginx", 2, net.network("app"), port=18099)
    assert len({task.node_id for task in net.tasks(web.id)}) == 2
    (entry,) = [row for row in net.lab.published() if row.port == 18099 and row.address == "127.0.0.1"]

    async def ask() -> float:
        """Seconds of swarm time that an answer takes."""
        begin = net.clock.now()
        reader, writer = await asyncio.open_connection(entry.bound_address, entry.bound_port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Welcome to nginx" in await reader.read()
        writer.close()
        return (net.clock.now() - begin) / SECOND

    async def test() -> None:
        killed = net.clock.now()
        await net.lab.power("node-2", "kill")
        answered = [asyncio.ensure_future(ask()) for _ in range(2)]
        done, pending = await asyncio.wait(answered, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == len(pending) == 1
        await asyncio.gather(*answered)
        assert (net.clock.now() - killed) / SECOND >= NODE_LOSS_NOTICED
        for _ in range(4):
            await ask()

    net.run(test())


def by_hand(
    net: Net, name: str, image: str, mode: str = "", *command: str, aliases: tuple[str, ...] = (), **host: Any
) -> str:
    """A container on node-1 that runs; its id."""
    engine = net.lab.engines["node-1"]
    settings = EndpointSettings(aliases=aliases or None)
    made = engine.by_hand.create(
        ContainerRequest(
            image=image,
            cmd=command,
            host_config=HostConfig(network_mode=mode, **host),
            networking_config=NetworkingConfig(endpoints_config={mode: settings}) if aliases else NetworkingConfig(),
        ),
        name,
    )
    net.run(engine.by_hand.start(made.id))
    return made.id


def says(net: Net, name: str, *command: str) -> str:
    engine = net.lab.engines["node-1"]
    runs = engine.containers.runtime_container(engine.containers.find(name).id)
    assert runs is not None
    return net.run(output(runs, *command))


def test_containers_by_hand_find_each_other_on_networks_of_their_own(net: Net) -> None:
    engine = net.lab.engines["node-1"]
    engine.networks.create(NetworkCreateRequest(name="own"))
    web = by_hand(net, "web", "nginx", "own", aliases=("www",))
    by_hand(net, "box", "alpine", "own", "sleep", "100000", extra_hosts=EXTRA_HOSTS)
    by_hand(net, "plain", "alpine", "", "sleep", "100000")
    by_hand(net, "linked", "alpine", "", "sleep", "100000", links=("plain:friend",))
    by_hand(net, "guest", "alpine", f"container:{web}", "sleep", "100000")
    by_hand(net, "hermit", "alpine", "none", "sleep", "100000")
    for name in ("web", "www", web[:12], "web.own"):
        assert "Welcome to nginx" in says(net, "box", "wget", "-qO-", f"http://{name}")
    assert "Welcome to nginx" in says(net, "guest", "wget", "-qO-", "http://localhost")
    hosts = says(net, "box", "cat", "/etc/hosts")
    assert "9.9.9.9\tfar\n172.17.0.1\thost.docker.internal\n" in hosts
    assert says(net, "plain", "ping", "-c", "1", "web") == "ping: bad address 'web'\n"
    assert says(net, "plain", "ping", "-c", "1", "linked") == "ping: bad address 'linked'\n", "no names on bridge"
    assert "1 packets received" in says(net, "linked", "ping", "-c", "1", "friend")
    assert says(net, "hermit", "wget", "-qO-", "http://172.17.0.2") == (
        "wget: can't connect to remote host (172.17.0.2): Network is unreachable\n"
    )
    engine.by_hand.rename("web", "site")
    assert "Welcome to nginx" in says(net, "box", "wget", "-qO-", "http://site")
    assert says(net, "box", "wget", "-qO-", "http://web") == "wget: bad address 'web'\n"
    engine.by_hand.rename("site", "web")
    net.run(engine.connections.connect("own", "plain", EndpointSettings()))
    assert "Welcome to nginx" in says(net, "plain", "wget", "-qO-", "http://www")
    engine.connections.disconnect("own", "plain", force=False)
    assert says(net, "plain", "wget", "-qO-", "http://www") == "wget: bad address 'www'\n"
    net.run(engine.by_hand.stop("web", 0, ""))
    assert says(net, "box", "wget", "-qO-", "http://web") == "wget: bad address 'web'\n"
    assert net.lab.fabric.sandbox(web).ports == {}


def test_published_ports_are_reached_by_gateways_and_attachable_networks_by_hand(net: Net) -> None:
    app = net.network("app")
    web = net.service("web", "nginx", 1, app, port=18098)
    by_hand(net, "box", "alpine", "app", "sleep", "100000", aliases=("b",))
    assert "Welcome to nginx" in says(net, "box", "wget", "-qO-", "http://web")
    assert "1 packets received" in says(net, "box", "ping", "-c", "1", "b")
    for address in ("172.18.0.1", "127.0.0.2"):
        assert "Welcome to nginx" in says(net, "box", "wget", "-qO-", f"http://{address}:18098")
        refused = f"wget: can't connect to remote host ({address}): Connection refused\n"
        assert says(net, "box", "wget", "-qO-", f"http://{address}:18097") == refused
    (virtual,) = {ip.addr for ip in net.control.service(web.id).endpoint.virtual_ips if ip.network_id == app}
    own = net.lab.engines["node-1"].containers.find("box").endpoints[0].addresses[0]
    assert own.rpartition(".")[0] == virtual.rpartition(".")[0]
    assert own != virtual


@pytest.mark.parametrize(
    ("mode", "asked", "text"),
    [
        ("own", {}, "nameserver 127.0.0.11\noptions ndots:0\n"),
        (
            "own", {"dns": ("1.1.1.1",), "dns_search": ("a.b", "c"), "dns_options": ("timeout:2",)},
            "search a.b c\nnameserver 127.0.0.11\noptions timeout:2 ndots:0\n",
        ),
        ("own", {"dns_options": ("ndots:3",), "dns_search": (".",)}, "nameserver 127.0.0.11\noptions ndots:3\n"),
        (
            "bridge", {"dns": ("1.1.1.1", "9.9.9.9"), "dns_search": ("a.b",), "dns_options": ("ndots:3",)},
            "search a.b\nnameserver 1.1.1.1\nnameserver 9.9.9.9\noptions ndots:3\n",
        ),
        ("host", {"dns": ("1.1.1.1",)}, "nameserver 1.1.1.1\n"),
    ],
)  # fmt: skip
def test_what_is_asked_of_names_stands_in_resolv_conf(net: Net, mode: str, asked: dict[str, Any], text: str) -> None:
    net.lab.engines["node-1"].networks.create(NetworkCreateRequest(name="own"))
    by_hand(net, "box", "alpine", mode, "sleep", "100000", **asked)
    assert says(net, "box", "cat", "/etc/resolv.conf") == text


def test_a_network_tells_who_is_on_it(net: Net) -> None:
    app = net.network("app")
    net.service("web", "nginx", 2, app, port=18098)
    net.service("list", "alpine", 1, app, command=("sleep", "100000"), mode="dnsrr")
    hand = by_hand(net, "box", "alpine", "app", "sleep", "100000")
    told = [net.lab.engines[name].services(app) for name in ("node-1", "node-2")]
    assert told[0] == told[1], "both nodes are on it"
    assert sorted(told[0]) == ["", "list", "web"]
    (box,) = told[0][""].tasks
    assert (box[0], box[1], box[3]) == (hand, "box", "127.0.0.1")
    web = next(service for service in net.control.services() if service.spec.name == "web")
    vips = {vip.network_id: vip.addr.partition("/")[0] for vip in web.endpoint.virtual_ips}
    assert (told[0]["web"].vip, told[0]["list"].vip, told[0]["web"].ports) == (vips[app], "", ())
    assert sorted(task[3] for task in told[0]["web"].tasks) == ["127.0.0.1", "127.0.0.2"]
    ingress = next(network.id for network in net.control.networks() if network.spec.ingress)
    mesh = net.lab.engines["node-1"].services(ingress)
    assert {task[1] for task in mesh[""].tasks} == {"ingress-endpoint"}
    assert (mesh["web"].vip, mesh["web"].ports[0].published_port) == (vips[ingress], 18098)
    net.lab.partition(["node-2"])
    assert [task[3] for task in net.lab.engines["node-1"].services(app)["web"].tasks] == ["127.0.0.1"]
