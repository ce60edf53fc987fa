"""Random Compose files for `docker stack deploy`."""

import json
import random

_IMAGES = ("nginx:alpine", "nginx:1.12-alpine", "alpine", "busybox:latest")
_NAMES = ("web", "db")


def compose(chance: random.Random) -> str:
    """A Compose file in one line that a stack may be made of; now and then it is wrong."""
    networks = {"front": {}, "back": {"attachable": True, "labels": {"a": "b"}}}
    document: dict[str, object] = {
        "version": chance.choice(["3.8", "3.8", "3.3"]),
        "services": {name: _service(chance) for name in _NAMES[: chance.choice([1, 2, 2])]},
        "networks": networks,
        "volumes": {"data": {}},
        "configs": {"page": {"file": "./conf.txt"}},
        "secrets": {"key": {"file": "./conf.txt"}},
    }
    if chance.random() < 0.1:
        chance.choice(_MISTAKES)(document)
    return json.dumps(document)


def _service(chance: random.Random) -> dict[str, object]:
    image = chance.choice(_IMAGES)
    service: dict[str, object] = {"image": image, "stop_grace_period": "1s"}
    if not image.startswith("nginx"):
        service["command"] = chance.choice(["sleep 1000", ["sh", "-c", "sleep 1000"]])
    for key, values in _KEYS.items():
        if chance.random() < 0.25:
            service[key] = chance.choice(values)
    deploy = {key: chance.choice(values) for key, values in _DEPLOY.items() if chance.random() < 0.25}
    if deploy.get("mode") == "global":
        deploy.pop("replicas", None)
    if deploy:
        service["deploy"] = deploy
    return service


_KEYS: dict[str, tuple[object, ...]] = {
    "environment": ({"A": "1"}, ["A=2", "B"], ["T={{.Task.Slot}}"]),
    "labels": ({"c": "d"}, ["e=f"]),
    "networks": (["front"], ["front", "back"], {"back": {"aliases": ["al"]}}),
    "ports": (["80"], ["8090:80"], [{"target": 80, "published": 8091, "mode": "host"}], ["8092-8093:80-81"]),
    "volumes": (["data:/data"], [{"type": "tmpfs", "target": "/t"}], ["/tmp:/host:ro"]),
    "configs": (["page"], [{"source": "page", "target": "/page", "mode": 0o440}]),
    "secrets": (["key"], [{"source": "key", "target": "other"}]),
    "healthcheck": ({"test": "exit 0", "interval": "1s"}, {"disable": True}),
    "hostname": ("h", "{{.Service.Name}}"),
    "init": (True, False),
    "cap_add": (["NET_ADMIN"],),
    "user": ("root",),
    "extra_hosts": (["x:1.2.3.4"],),
    "depends_on": (["db"],),
    "restart": ("always",),
    "container_name": ("cn",),
    "working_dir": ("/tmp",),
    "ulimits": ({"nofile": {"soft": 100, "hard": 200}},),
}
_DEPLOY: dict[str, tuple[object, ...]] = {
    "replicas": (0, 1, 2, 3),
    "mode": ("global", "replicated"),
    "labels": ({"x": "y"},),
    "endpoint_mode": ("vip", "dnsrr"),
    "placement": (
        {"constraints": ["node.role == manager"]},
        {"max_replicas_per_node": 1},
        {"preferences": [{"spread": "node.labels.z"}]},
    ),
    "resources": ({"limits": {"cpus": "0.5", "memory": "64M"}}, {"reservations": {"memory": "10M"}}),
    "restart_policy": ({"condition": "none"}, {"condition": "on-failure", "delay": "1s", "max_attempts": 2}),
    "update_config": (
        {"parallelism": 2, "order": "start-first", "monitor": "1s"},
        {"failure_action": "rollback", "monitor": "1s"},
    ),
    "rollback_config": ({"parallelism": 0, "monitor": "1s"},),
}


def _misspell(document: dict) -> None:
    document["services"]["web"]["imag"] = "x"


def _drop_networks(document: dict) -> None:
    document["services"]["web"]["networks"] = ["nosuch"]


def _miss_a_network(document: dict) -> None:
    document["networks"]["front"] = {"external": True, "name": "nosuch"}


def _miss_a_secret(document: dict) -> None:
    document["services"]["web"]["secrets"] = ["key"]
    document["secrets"]["key"] = {"external": True}


_MISTAKES = (_misspell, _drop_networks, _miss_a_network, _miss_a_secret)
