from swarmlab.objects.requests import InitRequest, JoinRequest

from .conftest import Client
from .fakes import NODE_ID


def test_init_answers_the_node_s_id(client: Client) -> None:
    reply = client(
        "POST", "/v1.50/swarm/init", {"AdvertiseAddr": "10.0.0.1", "DefaultAddrPool": ["10.1.0.0/16"], "SubnetSize": 25}
    )
    assert (reply.status, reply.json) == (200, NODE_ID)
    assert client.engine.cluster.inits == [
        InitRequest(advertise_addr="10.0.0.1", default_addr_pool=("10.1.0.0/16",), subnet_size=25)
    ]
    again = client("POST", "/swarm/init", {})
    assert (again.status, again.message) == (503, "This node is already part of a swarm.")


def test_old_clients_cannot_have_meant_the_address_pool(client: Client) -> None:
    client("POST", "/v1.38/swarm/init", {"DefaultAddrPool": ["10.1.0.0/16"], "SubnetSize": 25, "DataPathPort": 1})
    assert client.engine.cluster.inits == [InitRequest()]


def test_join_and_leave_reach_the_engine(client: Client) -> None:
    assert client("POST", "/swarm/join", {"JoinToken": "SWMTKN-1-x", "RemoteAddrs": ["10.0.0.1:2377"]}).body == b""
    assert client.engine.cluster.joined == [JoinRequest(join_token="SWMTKN-1-x", remote_addrs=("10.0.0.1:2377",))]
    assert client("POST", "/swarm/leave?force=1").message == "leave, force=True"
    assert client("POST", "/swarm/leave?force=none").message == "leave, force=False"


def test_the_swarm_and_its_settings(client: Client) -> None:
    assert client("GET", "/swarm").status == 503
    client.init()
    swarm = client("GET", "/swarm").json
    assert list(swarm) == [
        "ID", "Version", "CreatedAt", "UpdatedAt", "Spec", "TLSInfo", "RootRotationInProgress", "DefaultAddrPool",
        "SubnetSize", "DataPathPort", "JoinTokens",
    ]  # fmt: skip
    assert (swarm["DefaultAddrPool"], swarm["SubnetSize"], swarm["DataPathPort"]) == (None, 24, 4789)
    assert swarm["JoinTokens"] == {"Worker": "", "Manager": ""}
    spec = {**swarm["Spec"], "Dispatcher": {"HeartbeatPeriod": 7}}
    path = f"/swarm/update?version={swarm['Version']['Index']}&rotateWorkerToken="
    assert client("POST", path + "maybe", spec).message.startswith("invalid value for rotateWorkerToken: maybe")
    assert client("POST", path + "false", spec).status == 200
    assert client("GET", "/swarm").json["Spec"]["Dispatcher"] == {"HeartbeatPeriod": 7}
    stale = client("POST", path + "false", spec)
    assert (stale.status, stale.message) == (500, "rpc error: code = Unknown desc = update out of sequence")


def test_an_update_is_of_the_whole_of_the_settings(client: Client) -> None:
    client.init()

    def update(spec: object) -> tuple[int, str]:
        version = client("GET", "/swarm").json["Version"]["Index"]
        reply = client("POST", f"/swarm/update?version={version}", spec)
        return reply.status, reply.message if reply.status != 200 else ""

    assert update({}) == (200, "")
    spec = client("GET", "/swarm").json["Spec"]
    assert spec["Name"] == "default"
    assert spec["Orchestration"] == {"TaskHistoryRetentionLimit": 0}
    assert spec["Raft"] == {"KeepOldSnapshots": 0, "ElectionTick": 0, "HeartbeatTick": 0}
    assert update({"Raft": {"HeartbeatTick": -100_000_000_000}}) == (200, "")
    assert client("GET", "/swarm").json["Spec"]["Raft"]["HeartbeatTick"] == 3_079_215_104
    # Docker does not hand defaults of tasks on to SwarmKit.
    assert update({"TaskDefaults": {"LogDriver": {"Name": "json-file"}}}) == (200, "")
    assert client("GET", "/swarm").json["Spec"]["TaskDefaults"] == {}
    assert update({"Name": "other"}) == (400, 'swarm spec must be named "default"')
    authority = {"Protocol": "acme", "URL": "https://ca.example"}
    assert update({"CAConfig": {"ExternalCAs": [authority]}}) == (400, 'invalid protocol: "acme"')
    assert client("GET", "/swarm").json["Spec"] == spec


def test_the_unlock_key(client: Client) -> None:
    assert client("GET", "/swarm/unlockkey").json == {"UnlockKey": ""}
    reply = client("POST", "/swarm/unlock", {"UnlockKey": "SWMKEY-1-x"})
    assert (reply.status, reply.message) == (409, "swarm is not locked: SWMKEY-1-x")


def test_info_holds_the_swarm_without_its_tokens(client: Client) -> None:
    before = client("GET", "/info").json["Swarm"]
    assert before == {
        "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": False, "Error": "",
        "RemoteManagers": None,
    }  # fmt: skip
    client.init()
    swarm = client("GET", "/info").json["Swarm"]
    assert (swarm["NodeID"], swarm["Nodes"], swarm["Managers"]) == (NODE_ID, 1, 1)
    assert swarm["RemoteManagers"] == [{"NodeID": NODE_ID, "Addr": "127.0.0.1:2377"}]
    assert "JoinTokens" not in swarm["Cluster"]
