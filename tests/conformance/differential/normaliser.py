"""Making what two swarms show comparable: names for identifiers, and no times, versions or machines."""

import re
from collections.abc import Mapping
from typing import Any

from tests.conformance.normal import Rules, replaced, rules

_RULES = rules(
    (r"-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----", "<pem>"),
    (r"\b1(?:0|27|72|92)\.\d+\.\d+\.\d+(?:/\d+)?", "<address>"),
    (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "<hash>"),
    # The machine's, in an explanation of CPU limits.
    (r"there are only \d+ CPUs|from 0\.01 to \d+\.00", "<cpus>"),
)

#: What two swarms never have in common, by the name of the key.
_FOREIGN = frozenset(
    {
        "CreatedAt", "UpdatedAt", "Version", "Timestamp", "StartedAt", "CompletedAt", "LastExecution", "Created",
        "ID", "Id", "TLSInfo", "JoinTokens", "Engine", "ContainerID", "PID", "Addr", "Peers", "Containers", "Data",
        "SigningCACert", "SigningCAKey", "com.docker.network.driver.overlay.vxlanid_list",
    }
)  # fmt: skip

#: Lists that the docker command sorts by identifiers.
_UNORDERED = frozenset({"Networks"})


class Names:
    """What identifiers, nodes' names and addresses stand for.

    `rules` say what else is replaced in texts, `foreign` which keys of values are left out.
    """

    def __init__(
        self, fixed: Mapping[str, str] | None = None, rules: Rules = _RULES, foreign: frozenset[str] = _FOREIGN
    ) -> None:
        self._fixed = dict(fixed or {})
        self._known: dict[str, str] = {}
        self._rules = rules
        self._foreign = foreign

    def call(self, raw: str, name: str) -> None:
        """From now on, say `name` where `raw` stands."""
        self._known[raw] = name

    def learn(self, objects: Mapping[str, list[dict[str, Any]]]) -> None:
        """Learn the identifiers of objects as the Engine API lists them, by kind."""
        for kind, found in objects.items():
            for thing in found:
                identifier = thing.get("ID") or thing.get("Id") or ""
                if kind == "nodes":
                    hostname = thing.get("Description", {}).get("Hostname", "")
                    self._known[identifier] = self._fixed.get(hostname, "<id>")
                elif kind != "tasks":
                    self._known[identifier] = f"<{thing.get('Name') or thing.get('Spec', {}).get('Name', '')}>"

    def of(self, identifier: str) -> str:
        """What an identifier is called."""
        return self._known.get(identifier, "<id>" if identifier else "")

    def text(self, text: str) -> str:
        """`text` with names in place of what differs between any two swarms; white space is squeezed."""
        found = {raw: name for raw, name in (self._known | self._fixed).items() if raw and raw in text}
        if found:
            # All at once: a name may contain what stands for something else.
            longest_first = "|".join(re.escape(raw) for raw in sorted(found, key=len, reverse=True))
            text = re.sub(rf"(?<![0-9a-z])(?:{longest_first})(?![0-9a-z])", lambda match: found[match[0]], text)
        return "\n".join(replaced(text, self._rules))

    def value(self, value: Any) -> Any:
        """A JSON value likewise: keys that no two swarms have in common are left out."""
        if isinstance(value, dict):
            return {
                self.text(key): sorted(self.value(inner), key=str)
                if key in _UNORDERED and isinstance(inner, list)
                else self.value(inner)
                for key, inner in sorted(value.items())
                if key not in self._foreign and inner not in (None, "") and not (key == "Labels" and inner == {})
            }
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return self.text(value) if isinstance(value, str) else value
