import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import urllib.request

import pytest

from swarmlab.lab import LabError, environment, manage, status
from swarmlab.lab.folder import folder
from swarmlab.lab.tcp import listening

from .test_manage import kill


@pytest.fixture
def base():
    """A port that is free, as is the next."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            port = one.getsockname()[1]
            try:
                with socket.create_server(("127.0.0.1", port + 1)):
                    return port
            except OSError:
                continue


def whoami(node):
    """Which engine answers over TLS."""
    variables = environment("a", node, tcp=True)
    assert variables["DOCKER_TLS_VERIFY"] == "1"
    folder = variables["DOCKER_CERT_PATH"]
    context = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    url = variables["DOCKER_HOST"].replace("tcp:", "https:") + "/whoami"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=10) as answer:
        return json.load(answer)["engine"]


def certificates():
    return {path.name: path.read_bytes() for path in folder("a").certificates.iterdir()}


def test_each_engine_listens_at_a_port_of_its_own_for_as_long_as_it_is_on(home, base):
    manage.up("a", nodes=2, bind=f"127.0.0.1:{base}")
    found = status("a")
    assert [node["tcp"] for node in found["nodes"]] == [f"tcp://127.0.0.1:{base}", f"tcp://127.0.0.1:{base + 1}"]
    assert found["certificates"] == str(home / "a" / "tls")
    assert [whoami("node-1"), whoami("node-2")] == ["node-1", "node-2"]
    manage.power("node-2", "stop", "a")
    with pytest.raises(OSError, match="refused"):
        whoami("node-2")
    manage.power("node-2", "start", "a")
    assert whoami("node-2") == "node-2"


def test_certificates_and_ports_outlast_reset_crash_and_stop(home, base):
    manage.up("a", nodes=1, bind=f"127.0.0.1:{base}")
    before = certificates()
    manage.reset("a")
    assert whoami("node-1") == "node-1"
    kill("a")
    manage.up("a")
    assert whoami("node-1") == "node-1"
    manage.down("a")
    assert status("a")["nodes"][0]["tcp"] == f"tcp://127.0.0.1:{base}"
    manage.up("a")
    assert certificates() == before
    assert whoami("node-1") == "node-1"


def test_a_running_lab_must_be_stopped_first_and_no_tcp_ends_it(home, base):
    manage.up("a", nodes=1)
    assert status("a")["certificates"] is None
    with pytest.raises(LabError, match="swarmlab up --name a --tcp"):
        environment("a", tcp=True)
    with pytest.raises(LabError, match="swarmlab down --name a"):
        manage.up("a", tcp=True)
    manage.down("a")
    manage.up("a", bind=f"127.0.0.1:{base}")
    assert manage.up("a", bind=f"127.0.0.1:{base}").outcome == "running"
    manage.down("a")
    manage.up("a", tcp=False)
    assert status("a")["nodes"][0]["tcp"] is None
    assert [path.name for path in (folder("a").docker_config / "contexts" / "tls").iterdir()] == []


def test_a_port_that_is_taken_is_named(home, base):
    with socket.create_server(("127.0.0.1", base)), pytest.raises(LabError, match=rf"{base}"):
        manage.up("a", nodes=1, bind=f"127.0.0.1:{base}")


def test_docker_finds_a_context_for_tls_too(home, base):
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker command here")
    manage.up("a", nodes=1, bind=f"127.0.0.1:{base}")
    environ = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(folder("a").docker_config)}
    done = subprocess.run(
        [docker, "context", "inspect", "node-1-tls"], env=environ, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)[0]
    assert found["Endpoints"]["docker"] == {"Host": f"tcp://127.0.0.1:{base}", "SkipTLSVerify": False}
    assert sorted(found["TLSMaterial"]["docker"]) == ["ca.pem", "cert.pem", "key.pem"]
    private = list(folder("a").docker_config.rglob("key.pem"))
    assert [stat.S_IMODE(path.stat().st_mode) for path in private] == [0o600]


@pytest.mark.parametrize(
    ("bind", "place"),
    [
        (None, ("127.0.0.1", 23761)),
        ("127.0.0.1:2376", ("127.0.0.1", 2376)),
        ("10.1.2.3", ("10.1.2.3", 23761)),
        ("[::1]:2376", ("::1", 2376)),
        ("::1", ("::1", 23761)),
    ],
)
def test_addresses_to_listen_at(home, bind, place):
    settings = folder("a").create(3, 1.0)
    assert listening(settings, None if bind else True, bind) == place
    assert settings._replace(tcp=place).tcp_of("node-3") == (place[0], place[1] + 2)


@pytest.mark.parametrize(
    "bind", ["0.0.0.0", "[::]:2376", "localhost", "127.0.0.1:x", "127.0.0.1:80", "1.2.3.4:65534", ""]
)
def test_what_is_no_such_address(home, bind):
    with pytest.raises(LabError):
        listening(folder("a").create(3, 1.0), None, bind)
    with pytest.raises(LabError):
        listening(folder("a").create(3, 1.0), False, "127.0.0.1")
