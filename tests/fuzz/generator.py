"""Requests made at random of the official definition of the Engine API, most of them nearly right."""

import json
import random
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

_DEFINITION = json.loads((Path(__file__).parent / "api-v1.50.json").read_text())
_DEPTH = 6
_VERSIONS = ("", "/v1.24", "/v1.30", "/v1.40", "/v1.41", "/v1.44", "/v1.50")
_WRONG_VERSIONS = ("/v1.51", "/v1.2", "/v1", "/v99", "/v1.41/..", "/")
_STRINGS = (
    "", "a", "b", "web", "a=b", "true", "1", "-1", "10s", "5m", "1h", "none", "any", "nginx", "10.0.0.0/24", "10.0.0.1",
    "node.role == worker", "node.labels.x!=y", "{{.Node.Hostname}}", "{{.Nope}}", "/x", "../..", "é", "\x00", "x" * 300,
    "0.0.0.0:2377", "127.0.99.1:2377", "SIGTERM", "host", "ingress", "overlay", "a" * 64, "\ud800",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 3, 80, -1, 1000, 10**9, 2**31, 2**32, 2**63 - 1, 2**63, 10**30, 0.5, 1e300)
_WRONG = (None, True, 0, -1, "x", [], {}, [None], [[]], {"": None}, {"a": {"b": []}}, 1.5)
#: What makes a request do something, by the name of the field.
_HINTS: dict[str, tuple[Any, ...]] = {
    "Image": ("alpine", "alpine", "busybox", "traefik/whoami", "nosuch", "alpine@sha256:00"),
    "Replicas": (0, 1, 2, 3), "MaxConcurrent": (0, 1, 2), "TotalCompletions": (0, 1, 2), "MaxReplicas": (0, 1, 2),
    "Cmd": (["true"], ["false"], ["sleep", "1000"], ["sh", "-c", "echo hi; exit 3"], ["nosuch"], []),
    "Command": (["true"], ["sleep", "1000"], ["nosuch"], []), "Args": (["1"], [], ["-c", "echo hi"]),
    "PublishedPort": (0, 0, 30011, 30012, 70000), "TargetPort": (0, 80, 8080, 70000), "HostPort": ("", "30013", "x"),
    "PublishMode": ("ingress", "host"), "Data": ("aGk=", "", "x", "a" * 5000), "Driver": ("overlay", "bridge", ""),
    "Role": ("worker", "manager"), "Availability": ("active", "pause", "drain"), "Target": ("/x", "web", "a"),
    "ListenAddr": ("0.0.0.0:2377", "x", ""), "Subnet": ("10.9.0.0/24", "x"), "NetworkMode": ("", "bridge", "host", "a"),
}  # fmt: skip
_TEMPLATES: dict[str, tuple[Any, ...]] = {
    "POST /services/create": (
        {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "alpine", "Command": ["sleep", "1000"]}},
         "Mode": {"Replicated": {"Replicas": 2}}},
        {"Name": "once", "TaskTemplate": {"ContainerSpec": {"Image": "alpine", "Command": ["true"]}},
         "Mode": {"ReplicatedJob": {"TotalCompletions": 2}}},
        {"Name": "every", "TaskTemplate": {"ContainerSpec": {"Image": "traefik/whoami"}}, "Mode": {"Global": {}},
         "EndpointSpec": {"Ports": [{"TargetPort": 80, "PublishedPort": 30011}]}},
    ),
    "POST /containers/create": ({"Image": "alpine", "Cmd": ["sleep", "1000"]}, {"Image": "busybox", "Cmd": ["true"]}),
    "POST /containers/{id}/exec": ({"Cmd": ["echo", "hi"], "AttachStdout": True},),
    "POST /exec/{id}/start": ({"Detach": True}, {"Detach": False, "Tty": True}),
    "POST /configs/create": ({"Name": "a", "Data": "aGk="},),
    "POST /secrets/create": ({"Name": "b", "Data": "aGk="},),
    "POST /networks/create": ({"Name": "net", "Driver": "overlay", "Attachable": True},),
    "POST /swarm/init": ({"ListenAddr": "0.0.0.0:2377"},),
    "POST /nodes/{id}/update": ({"Role": "manager", "Availability": "active"},),
}  # fmt: skip
#: What ends so much that little would be left to ask.
_RARE = frozenset({"POST /swarm/leave", "DELETE /nodes/{id}", "POST /swarm/init", "POST /nodes/{id}/update"})


class Asked(NamedTuple):
    """A request, and which engine (from 0) it goes to. `operation` is its name in the definition."""

    engine: int
    operation: str
    raw: bytes


class Generator:
    """The same requests for the same seed, as long as the same names are learned from the answers."""

    def __init__(self, seed: int, engines: int) -> None:
        self._random = random.Random(seed)
        self._engines = engines
        self._names = ["a", "b", "web", "once", "every", "net", "alpine", "bridge", "node-2"]
        self._kinds: dict[str, list[str]] = {}
        self._versions: dict[str, int] = {}
        self._last = ""
        self._absent: set[str] = set()

    def learn(self, operation: str, answer: bytes) -> None:
        """Remember the names of objects in an answer, to ask for them."""
        try:
            value = json.loads(answer)
        except ValueError:
            return
        kind = "exec" if operation.endswith("/exec") else operation.split("/")[1]
        known = self._kinds.setdefault(kind, [])
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                known += [name for key in ("ID", "Id", "Name") if isinstance(name := one.get(key), str) and name]
                known += [name.lstrip("/") for name in one.get("Names") or ()]
                if isinstance(version := one.get("Version"), dict):
                    self._versions[str(one.get("ID"))] = version["Index"]
        del known[:-60]

    def is_absent(self, operation: str) -> None:
        """There is no such thing (501): ask for it less."""
        self._absent.add(operation)

    def next(self) -> Asked:
        """Another request."""
        choose = self._random
        operation = choose.choice(_DEFINITION["operations"])
        name = f"{operation['method']} {operation['path']}"
        # What makes something is asked for more often than the rest.
        while choose.random() < (0.95 if name in self._absent else 0.9 if name in _RARE else 0.7) and (
            name in self._absent or name in _RARE or name not in _TEMPLATES
        ):
            operation = choose.choice(_DEFINITION["operations"])
            name = f"{operation['method']} {operation['path']}"
        target = self._path(operation["path"]) + self._query(operation["query"])
        body = self._body(name, operation)
        return Asked(choose.randrange(self._engines), name, self._raw(operation["method"], target, body))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _path(self, path: str) -> str:
        choose = self._random
        parts = []
        for part in path.split("/"):
            if not part.startswith("{"):
                parts.append(part)
            elif choose.random() < 0.9:
                known = self._kinds.get(path.split("/")[1]) if choose.random() < 0.9 else None
                self._last = choose.choice(known or self._names)
                parts.append(quote(self._last, safe=""))
            else:
                parts.append(quote(self._string().encode("utf-8", "replace"), safe=choose.choice(("", "/%."))))
        return choose.choice(_VERSIONS if choose.random() < 0.97 else _WRONG_VERSIONS) + "/".join(parts)

    def _query(self, parameters: dict[str, Any]) -> str:
        choose = self._random
        chosen: dict[str, Any] = {}
        for name, schema in parameters.items():
            if choose.random() < (0.9 if name == "version" else 0.4):
                chosen[name] = self._parameter(name, schema)
        text = urlencode(chosen, errors="replace")
        if choose.random() < 0.02:
            text += choose.choice(("&", "&;", "&%zz", "&=", "&a=b&a=c", "&%ff=%fe"))
        return f"?{text}" if text else ""

    def _parameter(self, name: str, schema: dict[str, Any]) -> str:
        choose = self._random
        if name == "filters":
            keys = ("name", "id", "label", "status", "type", "event", "desired-state", "node", "service", "until", "x")
            values = [choose.choice((*self._names, *_STRINGS)) for _ in range(choose.randrange(3))]
            found = {choose.choice(keys): choose.choice((values, dict.fromkeys(values, True), "x", None))}
            return choose.choice((json.dumps(found), json.dumps(found), "{", "", "null", "[]"))
        if name == "version" and choose.random() < 0.9:
            return str(self._versions.get(self._last, choose.randrange(60)))
        if "enum" in schema and choose.random() < 0.7:
            return str(choose.choice(schema["enum"]))
        if schema.get("type") == "boolean" and choose.random() < 0.8:
            return choose.choice(("true", "false", "1", "0"))
        if schema.get("type") == "integer" and choose.random() < 0.8:
            return str(choose.choice(_NUMBERS))
        return self._string()

    def _body(self, name: str, operation: dict[str, Any]) -> bytes:
        choose = self._random
        if "body" not in operation:
            return b"" if choose.random() < 0.97 else b"{}"
        if choose.random() < 0.03:
            return choose.choice((b"", b"{", b"null", b"[]", b'"x"', b"{}{}", b"\xff", b"[" * 3000, b"1" * 5000))
        if name in _TEMPLATES and choose.random() < 0.9:
            value = json.loads(json.dumps(choose.choice(_TEMPLATES[name])))
            if "Name" in value and choose.random() < 0.7:
                value["Name"] = f"{value['Name']}-{choose.randrange(100)}"
            if choose.random() < 0.7:
                self._graft(value, self._value(operation["body"], "", 0))
        else:
            value = self._value(operation["body"], "", 0)
        return json.dumps(value).encode()

    def _graft(self, value: dict[str, Any], extra: Any) -> None:
        """Put one field of another value into this one, however deep."""
        choose = self._random
        while isinstance(extra, dict) and extra:
            key = choose.choice(sorted(extra))
            if not (isinstance(value.get(key), dict) and choose.random() < 0.8):
                value[key] = extra[key]
                return
            value, extra = value[key], extra[key]

    def _value(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        choose = self._random
        if choose.random() < 0.02:
            return choose.choice(_WRONG)
        if name in _HINTS and choose.random() < 0.85:
            return choose.choice(_HINTS[name])
        if "$ref" in schema:
            return self._value(_DEFINITION["definitions"][schema["$ref"]], name, depth)
        if "enum" in schema:
            return choose.choice(schema["enum"])
        properties = dict(schema.get("properties", {}))
        for part in schema.get("allOf", ()):
            whole = _DEFINITION["definitions"][part["$ref"]] if "$ref" in part else part
            properties.update(whole.get("properties", {}))
        if properties:
            share = 0.0 if depth >= _DEPTH else choose.choice((0.1, 0.25, 0.5))
            return {
                key: self._value(inner, key, depth + 1) for key, inner in properties.items() if choose.random() < share
            }
        kind = schema.get("type")
        if kind == "array":
            return [self._value(schema.get("items", {}), name, depth + 1) for _ in range(choose.randrange(3))]
        if kind == "object":
            inner = schema.get("additionalProperties", {"type": "string"})
            return {self._string(): self._value(inner, "", depth + 1) for _ in range(choose.randrange(3))}
        if kind in {"integer", "number"}:
            return choose.choice(_NUMBERS)
        if kind == "boolean":
            return choose.random() < 0.5
        return self._string()

    def _string(self) -> str:
        choose = self._random
        return choose.choice(self._names) if choose.random() < 0.3 else choose.choice(_STRINGS)

    def _raw(self, method: str, target: str, body: bytes) -> bytes:
        choose = self._random
        kind = "application/json" if choose.random() < 0.97 else choose.choice(("text/plain", "", "application/x-tar"))
        headers = ["Host: docker", "Connection: close", f"Content-Length: {len(body)}"]
        if body or choose.random() < 0.5:
            headers.append(f"Content-Type: {kind}")
        if choose.random() < 0.05:
            headers[1] = "Connection: Upgrade\r\nUpgrade: tcp"
        lines = [f"{method} {target} HTTP/1.1", *headers, "", ""]
        return "\r\n".join(lines).encode("ascii", "replace") + body
