import pytest

from .conftest import Client


@pytest.fixture(params=["config", "secret"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def swarm(client: Client) -> Client:
    client.init()
    return client


def test_life(swarm: Client, kind: str) -> None:
    spec = {"Name": "one", "Labels": {"a": "b"}, "Data": "aGk="}
    created = swarm("POST", f"/{kind}s/create", spec)
    assert created.status == 201
    shown = swarm("GET", f"/{kind}s/one").json
    assert shown["ID"] == created.json["ID"]
    # A secret's data never comes back.
    assert shown["Spec"] == (spec if kind == "config" else {"Name": "one", "Labels": {"a": "b"}})
    assert [blob["Spec"]["Name"] for blob in swarm("GET", f"/{kind}s").json] == ["one"]
    version = shown["Version"]["Index"]
    assert swarm("POST", f"/{kind}s/one/update?version={version}", {**spec, "Labels": {}}).status == 200
    assert swarm("GET", f"/{kind}s/one").json["Spec"]["Labels"] == {}
    changed = swarm("POST", f"/{kind}s/one/update?version={version + 1}", {**spec, "Data": "eA=="})
    assert changed.message.endswith("only updates to Labels are allowed")
    assert swarm("POST", f"/{kind}s/one/update?version=x", spec).message == f"invalid {kind} version"
    assert swarm("DELETE", f"/{kind}s/one").status == 204
    assert swarm("DELETE", f"/{kind}s/one").message == f"{kind} one not found"


def test_lists_are_filtered(swarm: Client, kind: str) -> None:
    for name, labels in (("one", {"a": "b"}), ("two", {})):
        assert swarm("POST", f"/{kind}s/create", {"Name": name, "Labels": labels, "Data": "aGk="}).status == 201
    found = [swarm.filtered(f"/{kind}s", **f).json for f in ({"name": ["tw"]}, {"label": ["a"]}, {"id": ["-"]})]
    assert [[blob["Spec"]["Name"] for blob in blobs] for blobs in found] == [["two"], ["one"], []]
    assert swarm.filtered(f"/{kind}s", bogus=["1"]).message == "Invalid filter 'bogus'"


def test_templates_came_with_1_37(swarm: Client, kind: str) -> None:
    spec = {"Name": "t", "Data": "aGk=", "Templating": {"Name": "golang"}}
    refused = swarm("POST", f"/v1.36/{kind}s/create", spec)
    assert refused.message == f"{kind} templating is not supported on the specified API version: 1.36"
    assert swarm("POST", f"/v1.37/{kind}s/create", spec).status == 201
    assert swarm("GET", f"/{kind}s/t").json["Spec"]["Templating"] == {"Name": "golang"}


def test_the_go_type_in_errors_is_the_kind_s(swarm: Client, kind: str) -> None:
    reply = swarm("POST", f"/{kind}s/create", {"Name": 1})
    assert f"Go struct field {kind.capitalize()}Spec.Name of type string" in reply.message


@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_names_and_ids_are_alternatives_and_labels_are_not(client: Client, kind: str) -> None:
    client.init()
    made = {
        name: client("POST", f"/{kind}/create", {"Name": name, "Data": "aGk=", "Labels": {"l": name}}).json["ID"]
        for name in ("one", "two", "three")
    }

    def names(**filters: list[str]) -> list[str]:
        return sorted(blob["Spec"]["Name"] for blob in client.filtered(f"/{kind}", **filters).json)

    assert names(id=["zz"], name=["on"]) == ["one"]
    assert names(id=[made["two"]], name=["on"]) == ["one", "two"]
    assert names(id=[made["two"]], label=["l=one"]) == []
    assert names(name=["t"], label=["l=two"]) == ["two"]
