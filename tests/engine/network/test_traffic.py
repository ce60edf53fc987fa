"""What containers of services reach of each other, over real sockets."""

from collections import Counter

from swarmlab.runtime import base
from tests.engine.net import Net

WHOAMI = "fundamentalsofdocker/whoami"


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


def test_a_task_on_a_node_without_power_is_a_choice_until_that_is_noticed(net: Net) -> None:
    app = net.network("app")
    web = net.service("web", WHOAMI, 4, app)
    box = net.service("box", "alpine", 1, app, command=("sleep", "100000"))
    ((here, _),) = net.containers(box)
    near = {f"I'm {c.hostname}\n" for engine, c in net.containers(web) if engine is here}
    assert len(near) == 2
    net.clock.set_speed(3)
    net.run(net.lab.power(next(name for name in net.lab.engines if name != here.name), "kill"))
    # For five seconds; a client that is more patient than that gets elsewhere.
    assert net.exec(box, "nslookup", "tasks.web").count("Address: 10.") == 4
    said = [net.exec(box, "wget", "-T", "1", "-qO-", "http://web:8000") for _ in range(4)]
    assert said.count("wget: download timed out\n") == 2
    assert {net.exec(box, "wget", "-qO-", "http://web:8000") for _ in range(4)} == near
    assert net.exec(box, "nslookup", "tasks.web").count("Address: 10.") == 2


async def wait_for_line(container: base.Container, text: str) -> None:
    async for line in container.logs(follow=True):
        if text in line.data.decode():
            return


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


def test_a_network_tells_who_is_on_it(net: Net) -> None:
    app = net.network("app")
    net.service("web", "nginx", 2, app, port=18098)
    net.service("list", "alpine", 1, app, command=("sleep", "100000"), mode="dnsrr")
    hand = net.by_hand("box", "alpine", "app", "sleep", "100000")
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
