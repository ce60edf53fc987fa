import json
import os
import shutil
import subprocess

import pytest

from swarmlab.lab import LabError
from swarmlab.lab.compose_plugin import VERSION
from swarmlab.lab.environ import UNSET, commands, environment, path_to_plugins, write_docker_config
from swarmlab.lab.folder import Folder


@pytest.fixture
def lab(tmp_path):
    where = Folder(tmp_path / 'it\'s $HOME "here"', "a")
    return where, where.create(2, 1.0)


def test_the_variables_lead_to_the_node(lab):
    where, settings = lab
    assert environment(where, settings, "node-2") == {
        "DOCKER_HOST": f"unix://{settings.sockets}/node-2.sock",
        "DOCKER_CONFIG": str(where.path / "docker"),
        "DOCKER_BUILDKIT": "0",
        "SWARMLAB_LAB": "a",
    }


@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_a_shell_reads_back_what_was_meant_and_forgets_what_would_mislead(lab, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    variables = environment(*lab)
    present = dict.fromkeys(UNSET, "1")
    script = "\n".join([*commands(variables, shell, present), "env"])
    done = subprocess.run([shell, "-c", script], env=os.environ | present, capture_output=True, text=True, check=True)
    seen = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert variables.items() <= seen.items()
    assert not set(UNSET) & set(seen)


def test_quoting_for_shells_that_are_not_here():
    assert commands({"A": "it's\\"}, "fish", {}) == ["set -gx A 'it\\'s\\\\';"]
    assert commands({"A": "it's"}, "powershell", {"DOCKER_CONTEXT": ""}) == [
        "$Env:A = 'it''s'",
        "Remove-Item Env:DOCKER_CONTEXT",
    ]
    with pytest.raises(LabError, match=r"sh .*fish and powershell"):
        commands({}, "csh", {})


def test_docker_finds_a_context_for_each_node_and_uses_none_by_itself(lab):
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker command here")
    where, settings = lab
    write_docker_config(where, settings)
    environ = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(where.docker_config)}
    done = subprocess.run(
        [docker, "context", "ls", "--format", "{{.Name}} {{.Current}} {{.DockerEndpoint}}"],
        env=environ, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [["default", "true"], ["node-1", "false"], ["node-2", "false"]]
    assert [line[2] for line in lines[1:]] == [settings.endpoint("node-1"), settings.endpoint("node-2")]


def test_what_the_learner_configured_is_kept(lab, monkeypatch, tmp_path):
    where, settings = lab
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".docker" / "cli-plugins").mkdir(parents=True)
    write_docker_config(where, settings)
    config = where.docker_config / "config.json"
    assert json.loads(config.read_text()) == {"cliPluginsExtraDirs": [str(tmp_path / ".docker" / "cli-plugins")]}
    config.write_text('{"psFormat": "mine"}')
    write_docker_config(where, settings)
    assert config.read_text() == '{"psFormat": "mine"}'


def test_the_plugins_come_last_on_path_and_once(tmp_path):
    path = path_to_plugins(tmp_path, "/usr/bin:/bin")
    assert path == f"/usr/bin:/bin:{tmp_path}/cli-plugins"
    assert path_to_plugins(tmp_path, path) == path
    assert path_to_plugins(tmp_path, "") == f"{tmp_path}/cli-plugins"


def test_docker_has_compose_as_a_plugin(lab, monkeypatch, tmp_path):
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip("no docker command here")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    compose = tmp_path / ".cache" / "swarmlab" / f"docker-compose-{VERSION}" / "docker-compose"
    where, settings = lab
    write_docker_config(where, settings)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DOCKER_CONFIG": str(where.docker_config)}
    listed = subprocess.run([docker, "--help"], env=environ, capture_output=True, text=True, check=True).stdout
    assert "compose*" in listed
    assert not compose.exists()
