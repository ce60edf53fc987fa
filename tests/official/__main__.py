"""`python -m tests.official SWAGGER.yaml > tests/official/vN.json`: keep the schemas of the answers."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_KEPT = ("type", "required", "enum", "pattern", "minItems", "maxItems")


def schema(swagger: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of Swagger 2 as JSON Schema, without what only people read."""
    if "$ref" in swagger:
        # What stands beside a reference has no meaning.
        return {"$ref": swagger["$ref"]}
    found: dict[str, Any] = {key: swagger[key] for key in _KEPT if key in swagger}
    if "properties" in swagger:
        found["properties"] = {name: schema(inner) for name, inner in swagger["properties"].items()}
    if "items" in swagger:
        found["items"] = schema(swagger["items"])
    if "allOf" in swagger:
        found["allOf"] = [schema(inner) for inner in swagger["allOf"]]
    if isinstance(swagger.get("additionalProperties"), dict):
        found["additionalProperties"] = schema(swagger["additionalProperties"])
    return {"anyOf": [found, {"type": "null"}]} if swagger.get("x-nullable") else found


def answers(swagger: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By `METHOD /path` and status, the schema of each success; null for one without a JSON body."""
    found = {}
    for path, methods in swagger["paths"].items():
        for method, operation in methods.items():
            successes = {
                str(status): schema(response["schema"]) if "schema" in response else None
                for status, response in operation["responses"].items()
                if int(status) < 400
            }
            found[f"{method.upper()} {path}"] = successes
    return found


def main() -> None:
    swagger = yaml.safe_load(Path(sys.argv[1]).read_text())
    kept = {
        "version": swagger["info"]["version"],
        "answers": answers(swagger),
        "definitions": {name: schema(inner) for name, inner in swagger["definitions"].items()},
    }
    # A line for each, so that a difference can be read.
    lines = [f'"version": {json.dumps(kept["version"])}']
    for key in ("answers", "definitions"):
        entries = [
            f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in sorted(kept[key].items())
        ]
        lines.append(f'"{key}": {{\n' + ",\n".join(entries) + "\n}")
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
