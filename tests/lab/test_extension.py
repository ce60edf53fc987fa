import atexit
import os
import sysconfig

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from swarmlab import extension
from swarmlab.lab import LabError, environment, manage, status
from swarmlab.lab.docker_cli import DockerCliError


@pytest.fixture
def shell(home, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("SWARMLAB_LAB", "a")
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    for name in ("DOCKER_CONFIG", "DOCKER_BUILDKIT"):
        monkeypatch.setenv(name, "the user's")
    monkeypatch.delenv("COMPOSE_PROGRESS", raising=False)
    monkeypatch.setenv("COMPOSE_ANSI", "always")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    docker = tmp_path / "docker"
    docker.touch(0o755)
    monkeypatch.setattr(extension, "find_docker", lambda **_: docker)
    made = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    yield made
    atexit.unregister(made.atexit_operations)


def test_loading_starts_the_lab_and_leads_docker_to_it(shell, capsys, tmp_path):
    shell.run_line_magic("load_ext", "swarmlab")
    assert capsys.readouterr().out == (
        'A new lab "a" is running: 3 Docker engines. The docker command talks to node-1.\n'
    )
    assert status("a")["state"] == "running"
    assert environment("a").items() <= dict(os.environ).items()
    assert "DOCKER_TLS_VERIFY" not in os.environ
    assert (os.environ["COMPOSE_PROGRESS"], os.environ["COMPOSE_ANSI"]) == ("plain", "always")
    plugins = f"{os.environ['DOCKER_CONFIG']}/cli-plugins"
    assert os.environ["PATH"] == f"{sysconfig.get_path('scripts')}:{tmp_path}:/usr/bin:/bin:{plugins}"


def test_loading_again_starts_a_lab_that_has_ended(shell, capsys):
    shell.run_line_magic("load_ext", "swarmlab")
    manage.down("a")
    path = os.environ["PATH"]
    capsys.readouterr()
    shell.run_line_magic("reload_ext", "swarmlab")
    assert capsys.readouterr().out.startswith('The lab "a" is running')
    assert os.environ["PATH"] == path


def test_the_node_magic_switches_and_tells(shell, capsys):
    shell.run_line_magic("load_ext", "swarmlab")
    capsys.readouterr()
    shell.run_line_magic("node", "node-2")
    assert os.environ["DOCKER_HOST"] == environment("a", "node-2")["DOCKER_HOST"]
    shell.run_line_magic("node", "node-9")
    shell.run_line_magic("node", "")
    assert capsys.readouterr().out.splitlines() == [
        "The docker command talks to node-2.",
        'The lab "a" has no node "node-9"; it has node-1 to node-3.',
        environment("a", "node-2")["DOCKER_HOST"],
    ]


def test_what_is_missing_is_said_and_leaves_the_cell_alive(shell, capsys, monkeypatch):
    def none(**_):
        raise DockerCliError("Install the docker command.")

    def refuse():
        raise LabError("The disk is full.")

    monkeypatch.setattr(extension, "find_docker", none)
    shell.run_line_magic("load_ext", "swarmlab")
    assert capsys.readouterr().out.startswith("Install the docker command.\n")
    monkeypatch.setattr(manage, "up", refuse)
    shell.run_line_magic("reload_ext", "swarmlab")
    assert capsys.readouterr().out == "The disk is full.\n"


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("echo '{{ .Name }}'", "{{ .Name }}"),
        ("echo '{{.A}} {{json .B}}' {value} $value", "{{.A}} {{json .B}} 1 1"),
        ("echo '{{{{ .Name }}}}'", "{{ .Name }}"),
        ("echo '{{ .Name }} {nosuch}'", "{{ .Name }} {nosuch}"),
        ("echo {value}", "1"),
    ],
)
def test_templates_reach_docker_and_variables_are_still_replaced(shell, command, seen):
    shell.run_line_magic("load_ext", "swarmlab")
    shell.run_line_magic("reload_ext", "swarmlab")
    shell.run_cell(f"value = 1\nfound = !{command}").raise_error()
    assert shell.user_ns["found"] == [seen]


def test_variables_of_a_function_are_found_too(shell):
    shell.run_line_magic("load_ext", "swarmlab")
    cell = "def look(inner):\n    lines = !echo {inner} '{{ .X }}'\n    return lines\nfound = look(7)"
    shell.run_cell(cell).raise_error()
    assert shell.user_ns["found"] == ["7 {{ .X }}"]


def test_unloading_gives_ipython_its_own_way_back(shell):
    shell.run_line_magic("load_ext", "swarmlab")
    shell.run_line_magic("unload_ext", "swarmlab")
    shell.run_cell("found = !echo '{{ .X }}'").raise_error()
    assert shell.user_ns["found"] == ["{ .X }"]


def test_with_a_recording_of_real_engines_there_is_no_lab(shell, capsys, monkeypatch):
    monkeypatch.setenv("CHECKER_JOURNAL", "/elsewhere/mine.sqlite")
    before = dict(os.environ)
    shell.run_line_magic("load_ext", "swarmlab")
    assert dict(os.environ) == before
    shell.run_line_magic("node", "")
    monkeypatch.setenv("DOCKER_CONTEXT", "of-mine")
    shell.run_line_magic("node", "other")
    assert os.environ["DOCKER_CONTEXT"] == "other"
    assert capsys.readouterr().out.splitlines() == [
        "No lab: the docker command talks to tcp://elsewhere:2375. Checks read the recording mine.sqlite.",
        "The docker command talks to tcp://elsewhere:2375.",
        "The docker command talks to other.",
    ]
    with pytest.raises(LabError):
        status("a")
