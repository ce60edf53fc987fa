import json
import os
import signal
import subprocess
import sys

import pytest

from swarmlab.cli import main
from swarmlab.lab import logs, manage
from swarmlab.lab.folder import folder


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Runs a command line in this process; returns (exit code, output, errors)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["swarmlab", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        if isinstance(ended.value.code, str):
            sys.stderr.write(ended.value.code + "\n")
        output, errors = capsys.readouterr()
        return ended.value.code if isinstance(ended.value.code, int) else 1 if ended.value.code else 0, output, errors

    return run


def test_a_labs_life(run, home):
    code, output, _ = run("up", "--nodes", "2")
    assert code == 0
    assert output.splitlines() == [
        'The new lab "default" is running: 2 Docker engines, node-1 to node-2.',
        'For docker in this shell: eval "$(swarmlab env)"',
    ]
    assert "is running already" in run("up")[1]
    found = json.loads(run("status", "--json")[1])
    assert (found["name"], found["state"], len(found["nodes"])) == ("default", "running", 2)
    assert found["nodes"][0]["endpoint"] == f"unix://{home}/default/run/node-1.sock"
    assert run("node", "kill", "node-2") == (0, "node-2 has lost its power.\n", "")
    assert json.loads(run("status", "--json")[1])["nodes"][1]["state"] == "killed"
    assert run("node", "start", "node-2") == (0, "node-2 is on.\n", "")
    assert run("node", "stop", "node-2") == (0, "node-2 is shut down.\n", "")
    assert run("reset") == (0, 'The lab "default" is as new.\n', "")
    assert {node["state"] for node in json.loads(run("status", "--json")[1])["nodes"]} == {"running"}
    assert run("down")[1].startswith('The lab "default" has stopped; everything in it is kept')
    assert "is running again, as it was" in run("up")[1]
    assert run("down", "--purge") == (0, 'The lab "default" has stopped and is deleted.\n', "")


def test_partitions_and_the_clock(run):
    run("up", "--nodes", "3")
    told = "node-1 and node-3 are cut off; to undo it: swarmlab heal\n"
    assert run("partition", "node-1", "node-3") == (0, told, "")
    assert [node["side"] for node in json.loads(run("status", "--json")[1])["nodes"]] == [1, 0, 1]
    assert run("heal") == (0, "All nodes reach each other.\n", "")
    assert {node["side"] for node in json.loads(run("status", "--json")[1])["nodes"]} == {0}
    assert run("partition", "node-4")[0] == 1
    code, _, errors = run("partition", "node-1", "node-2", "node-3")
    assert (code, errors) == (1, "At least one node must be left for the others to be cut off from.\n")
    assert run("clock")[1].endswith("Z, at 1 times real time\n")
    assert json.loads(run("clock", "--speed", "20", "--json")[1])["speed"] == 20
    assert run("clock", "--speed", "0")[0] == 1
    os.kill(manage.status()["pid"], signal.SIGKILL)
    run("up")
    assert json.loads(run("clock", "--json")[1])["speed"] == 20


def test_up_after_a_crash_says_so(run):
    assert json.loads(run("up", "--name", "a", "--nodes", "1", "--speed", "5", "--json")[1])["speed"] == 5
    os.kill(manage.status("a")["pid"], signal.SIGKILL)
    code, output, _ = run("up", "--name", "a")
    assert code == 0
    assert 'The lab "a" had crashed and is running again, as it was: 1 Docker engine, at 5 times' in output
    assert 'eval "$(swarmlab env --name a)"' in output


def test_status_for_people_shows_nodes_ports_and_other_labs(run, home):
    run("up", "--nodes", "2")
    run("up", "--name", "b", "--nodes", "1")
    run("node", "stop", "node-2")
    code, output, _ = run("status")
    assert code == 0
    assert output.startswith('Lab "default": running, process ')
    assert f"DOCKER_HOST of node-1: unix://{home}/default/run/node-1.sock\n" in output
    assert [line.split()[:3] for line in output.splitlines() if line.startswith(" node-")] == [
        ["node-1", "running", "127.0.0.1"],
        ["node-2", "stopped", "127.0.0.2"],
    ]
    assert "Other labs that run: b" in output


def test_env_is_read_back_by_a_shell(run, home):
    run("up", "--nodes", "2")
    code, output, errors = run("env", "node-2")
    assert (code, errors) == (0, "")
    names = ("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_BUILDKIT", "SWARMLAB_LAB", "PATH##*:")
    script = f"{output}\nprintf '%s ' {' '.join(f'${{{name}}}' for name in names)}"
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    lab = home / "default"
    config = lab / "docker"
    assert seen.split() == [f"unix://{lab}/run/node-2.sock", str(config), "0", "default", f"{config}/cli-plugins"]
    assert json.loads(run("env", "--json")[1])["DOCKER_HOST"] == f"unix://{lab}/run/node-1.sock"
    assert run("env", "--shell", "fish")[1].startswith("set -gx DOCKER_HOST")


def test_env_of_a_lab_that_is_stopped_warns_beside_the_output(run):
    folder("a").create(1, 1.0)
    code, output, errors = run("env", "--name", "a")
    assert (code, output.count("export ")) == (0, 5)
    assert errors == 'The lab "a" is not running; start it with: swarmlab up --name a\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("status", 'There is no lab "default"; start one with: swarmlab up'),
        ("down --name b", 'There is no lab "b"; start one with: swarmlab up --name b'),
        ("status --name ../x", '"../x" cannot be the name of a lab'),
        ("env node-9 --name a", 'The lab "a" has no node "node-9"; it has node-1 to node-2.'),
        ("node kill node-9 --name a", 'The lab "a" has no node "node-9"'),
        ("node kill node-1 --name a", 'The lab "a" is not running; start it with: swarmlab up --name a'),
        ("reset --name a", 'The lab "a" is not running'),
        ("url 80 --name a", 'The lab "a" is not running'),
        ("up --nodes 100", "A lab has 1 to 99 nodes, not 100."),
        ("up --name a --nodes 3", 'The lab "a" has 2 nodes. To make it anew with 3: swarmlab down --purge --name a'),
        ("env --name a --shell csh", 'No such shell: "csh"'),
        ("logs --name b", 'There is no lab "b"'),
    ],
)
def test_what_a_lab_cannot_do_is_one_line_and_1(run, line, message):
    folder("a").create(2, 1.0)
    code, output, errors = run(*line.split())
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(message)


@pytest.mark.parametrize(
    "line", ["up --nodes many", "node explode node-1", "url http", "url 70000", "nonsense", "node stop"]
)
def test_wrong_usage_is_2(run, line):
    code, _, errors = run(*line.split())
    assert code == 2
    assert "Usage:" in errors


def test_logs_shows_the_end_of_the_log(run):
    run("up", "--name", "a", "--nodes", "1")
    code, output, _ = run("logs", "--name", "a", "-n", "1")
    assert code == 0
    assert output.endswith("INFO swarmlab.lab.host ready: lab=a nodes=1 speed=1\n")
    assert output.count("\n") == 1


def test_following_ends_with_ctrl_c(run, monkeypatch):
    run("up", "--name", "a", "--nodes", "1")

    def one_piece(path):
        yield "a piece\n"
        raise KeyboardInterrupt

    monkeypatch.setattr(logs, "follow", one_piece)
    code, output, errors = run("logs", "--name", "a", "-f", "-n", "0")
    assert (code, output, errors) == (130, "a piece\n", "")


def test_doctor_exits_with_1_on_a_problem_only(run, monkeypatch):
    from swarmlab.lab import doctor

    checks = [doctor.Check("A", "ok", "fine"), doctor.Check("B", "note", "so so", "Do this.")]
    monkeypatch.setattr(doctor, "examine", lambda _: checks)
    assert run("doctor")[:2] == (0, "ok       A: fine\nnote     B: so so\n         Do this.\n")
    checks.append(doctor.Check("C", "problem", "bad", "Do that."))
    code, output, _ = run("doctor", "--json")
    assert code == 1
    assert json.loads(output)[2] == {"title": "C", "result": "problem", "found": "bad", "remedy": "Do that."}


def test_the_version(run):
    assert run("--version")[:2] == (0, "swarmlab 0.1.0\n")


def test_the_command_line_imports_nothing_heavy():
    script = (
        "import sys, swarmlab.cli, swarmlab.lab.doctor; "
        "print([name for name in ('aiohttp', 'asyncio', 'cryptography', 'msgspec', 'bashkit', 'IPython', 'rich') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_reader_that_goes_away_is_no_traceback(home):
    where = folder("a")
    where.create(1, 1.0)
    where.log.write_text("line\n" * 50_000)
    command = f"{sys.executable} -m swarmlab.cli logs --name a -n 50000 | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("line\n", "")


def test_the_images_are_listed_and_explained(run):
    code, output, _ = run("images")
    assert code == 0
    assert "swarmlab/leaks (port 80/tcp)" in output
    assert "-e MIB_PER_SECOND=…  how fast (8)" in output
    (nginx,) = json.loads(run("images", "nginx", "--json")[1])
    assert (nginx["repository"], nginx["ports"]) == ("nginx", ["80/tcp"])
    assert "1.12-alpine" in {tag for image in nginx["images"] for tag in image["tags"]}
    assert run("images", "nosuch")[::2] == (1, 'There is no image "nosuch". `swarmlab images` lists all.\n')
