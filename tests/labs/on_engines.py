"""Writes docs/parity-notebooks.md: what the solved notebooks do on real engines, through the same checks.

SWARMLAB_REAL_ENGINES=unix:///…,unix:///…,unix:///… python -m tests.labs.on_engines [A1 …] > docs/parity-notebooks.md

takes half an hour, because delays are as long as the notebooks say. It takes the engines over: what runs there is
removed. SWARMLAB_REAL_NODE_SCRIPT names what switches nodes: `script kill|stop|start NUMBER`. `--keep FOLDER` keeps the
notebooks as they were run; those that are there already are not run again.
"""

import argparse
import configparser
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import nbformat
from nbclient import NotebookClient

from checker.exercise import load
from checker.labs import SOLUTIONS, exercises_of, source
from checker.notebooks import notebook
from tests.checker.engines_stage import EnginesStage, engine, mesh_works

ROOT = SOLUTIONS.parent
#: Labs that need nothing which real engines without a network lack, and of how many engines.
LABS = {
    "A1-run-services": 1,
    "A2-troubleshoot-nodes": 3,
    "A5-manage-a-stack": 3,
    "B1-routing-mesh": 3,
    "B2-rolling-updates": 3,
    "B3-health-checks": 1,
    "B4-rollback": 1,
    "B5-blue-green-canary": 1,
    "B6-configs": 1,
    "B7-secrets": 1,
    "Q-questions": 1,
}
_LEFT_OUT = re.compile(r"\(left out: (.*)\)'\)$", re.MULTILINE)
#: The longest that a cell may take, in seconds.
_CELL_LIMIT = 900
_NO_TRAFFIC = "published ports pass no traffic on these engines, whose kernel has no IPVS"
#: Stands in for the image of the second service in lab A5, which only has to run.
_LENT = ("redis:alpine", "nginx:alpine")
#: Images that labs give names of their own.
_NAMED = ("acme/inventory:2.0", "acme/inventory:2.1", "home-made:1.0", "secrets-demo:1.0")
#: What `swarmlab` does for a notebook, done to these engines. Waiting takes as much longer as time passes more slowly.
_SWARMLAB = """\
#!/bin/sh
case $1 in
reset) exec {python} -c 'import sys; sys.path.insert(0, sys.argv[1])
from tests.checker.engines_stage import clear
clear(sys.argv[2:])
print("The engines are in no swarm, and nothing runs on them.")' {root} {endpoints} ;;
clock) echo "$3" > {folder}/speed; echo "Time passes as fast as it does: here are no $3 seconds in one." ;;
*) exec {stage}/swarmlab "$@" ;;
esac
"""
_LONGER = """\
#!/bin/sh
seconds=$1; shift
exec {command} "$(awk "BEGIN {{ print $seconds * $(cat {folder}/speed) }}")" "$@"
"""
#: What the comparison of cells leaves out beside what solutions/sanitize.cfg does.
_OTHERWISE = (
    (re.compile(r"(TOKEN|Node Address:) [\d.]+(:2377)?"), r"\1 ADDRESS"),
    (re.compile(r"\|\d+\.\d+\.\d+(\+\w+)?$", re.MULTILINE), "|VERSION"),
)
#: What is put in front of a notebook. These engines are not called node-1, node-2, …, and a port that passes no traffic
#: is nobody's mistake.
_PREAMBLE = """\
from checker import exercise, probes, session
for name, text in exercise.available().items():
    for old, new in {names!r}.items():
        text = text.replace(old, new)
    exercise.available()[name] = text
session.engines_access = lambda found: probes.engines_access(found)._replace(no_traffic={no_traffic!r})
"""
_RESULT = """\
import json
from checker import check
print(json.dumps([check(one).to_dict() for one in {exercises!r}]))
"""


class Played(NamedTuple):
    """What became of a notebook, from the notebook as it was run."""

    book: Any

    @property
    def names(self) -> dict[str, str]:
        """The engines' own names by those that notebooks give them."""
        return dict(self.book.metadata.engines)

    @property
    def cells(self) -> list[Any]:
        """The notebook's own code cells."""
        return [cell for cell in self.book.cells if cell.cell_type == "code"][1:-1]

    @property
    def failed(self) -> list[Any]:
        """The cells that ended with an error of Python."""
        return [cell for cell in self.cells if any(output.output_type == "error" for output in cell.outputs)]

    @property
    def left_out(self) -> Counter[str]:
        """Why lines were left out, and how many."""
        return Counter(why for cell in self.cells for why in _LEFT_OUT.findall(cell.source))

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the checker says of the notebook's exercises at the end."""
        found: list[dict[str, Any]] = json.loads(shown(self.book.cells[-1]) or "[]")
        return found


def obstacles(*, mesh: bool, power: str) -> list[tuple[re.Pattern[str], str]]:
    """What lines of cells cannot be run on these engines, each with the reason."""
    found = []
    if not mesh:
        found.append((re.compile(r"^(?!def )\S.*(swarmlab url|\bmeasure\()"), _NO_TRAFFIC))
    if not power:
        found.append((re.compile(r"swarmlab node (kill|start)"), "nothing switches these engines off and on"))
    return found


def adapt(code: str, names: Mapping[str, str], against: Sequence[tuple[re.Pattern[str], str]]) -> str:
    """A cell for these engines: their names in it, and lines that they cannot do replaced by the reason."""
    if not code.startswith("%%"):
        lines = re.sub(r"\\\n", "\0", code).splitlines()
        for number, line in enumerate(lines):
            if why := next((why for pattern, why in against if pattern.search(line)), ""):
                lines[number] = f"print({f'(left out: {why})'!r})"
        code = "\n".join(lines).replace("\0", "\\\n")
    return re.sub(r"\bnode-\d+\b", lambda match: names.get(match[0], match[0]), code)


class NotebookStage(EnginesStage):
    """Engines on which notebooks can be run, under the names that they have themselves."""

    def __init__(self, endpoints: Sequence[str], folder: Path, power: str = "") -> None:
        super().__init__(endpoints, folder, power)
        self.names = {}
        for number, endpoint in enumerate(endpoints, 1):
            with engine(endpoint) as client:
                self.names[f"node-{number}"] = client.info()["Name"]
        commands = folder / "notebooks"
        commands.mkdir()
        (commands / "speed").write_text("1\n")
        scripts = {
            "swarmlab": _SWARMLAB.format(
                python=sys.executable, root=ROOT, endpoints=" ".join(endpoints), folder=commands, stage=folder / "bin"
            ),
            **{name: _LONGER.format(command=f"/usr/bin/{name}", folder=commands) for name in ("sleep", "timeout")},
        }
        for name, text in scripts.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        # A context for each engine's own name; those that the stage made lead elsewhere if they are called the same.
        (folder / "contexts").mkdir()
        self.env["DOCKER_CONFIG"] = str(folder / "contexts")
        del self.env["DOCKER_CONTEXT"]
        for number, endpoint in enumerate(endpoints, 1):
            command = ["docker", "context", "create", self.names[f"node-{number}"], "--docker", f"host={endpoint}"]
            subprocess.run(command, env=self.env, check=True, capture_output=True)
        self.env |= {
            "PATH": f"{commands}:{self.env['PATH']}",
            "DOCKER_CONTEXT": self.names["node-1"],
            "CHECKER_JOURNAL": str(self.journal),
            "CHECKER_ENGINES": ",".join(endpoints),
            "JUPYTER_PLATFORM_DIRS": "1",
        }

    def run(self, name: str, *, mesh: bool) -> Played:
        """Run a solved notebook."""
        book = notebook(source(name), "solution")
        against = obstacles(mesh=mesh, power=self.env["SWARMLAB_REAL_NODE_SCRIPT"])
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.source = adapt(cell.source, self.names, against)
        made: Any = nbformat.v4
        names = {old: new for old, new in self.names.items() if old != new}
        preamble = _PREAMBLE.format(names=names, no_traffic="" if mesh else _NO_TRAFFIC)
        book.cells.insert(0, made.new_code_cell(preamble))
        book.cells.append(made.new_code_cell(_RESULT.format(exercises=exercises_of(name))))
        NotebookClient(book, timeout=_CELL_LIMIT, allow_errors=True, coalesce_streams=True).execute(
            cwd=str(self.work), env={**os.environ, **self.env}
        )
        book.metadata["engines"] = self.names
        return Played(book)


@contextmanager
def lent(endpoints: Sequence[str]) -> Iterator[None]:
    """Engines with the images that notebooks need beside their own."""
    for endpoint in endpoints:
        with engine(endpoint) as client:
            client.images.get(_LENT[1]).tag(_LENT[0])
    try:
        yield
    finally:
        for endpoint in endpoints:
            with engine(endpoint) as client:
                there = {tag for image in client.images.list() for tag in image.tags}
                for name in there & {_LENT[0], *_NAMED}:
                    client.images.remove(name, force=True)


def play(name: str, endpoints: Sequence[str], power: str = "", *, mesh: bool) -> Played:
    """Run a solved notebook on engines, which are cleared before and after."""
    with TemporaryDirectory() as folder, lent(endpoints), NotebookStage(endpoints, Path(folder), power) as stage:
        return stage.run(name, mesh=mesh)


def sanitized(text: str) -> str:
    """A cell's output without what differs from run to run, as when solved notebooks are compared, and from engine to
    engine: versions, and addresses that are not on loopback.
    """
    rules = configparser.RawConfigParser()
    rules.read(SOLUTIONS / "sanitize.cfg", encoding="utf-8")
    for section in rules.sections():
        text = re.sub(rules.get(section, "regex"), rules.get(section, "replace"), text)
    for pattern, general in _OTHERWISE:
        text = pattern.sub(general, text)
    return text.strip()


def shown(cell: Any) -> str:
    """What a cell shows, as text."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())
    )


def alike(name: str, played: Played) -> tuple[int, list[tuple[str, str, str]]]:
    """How many cells can be compared with the stored ones (no checks, none that vary), and those that differ.

    Of the latter their code, what is stored, and what was seen.
    """
    stored = [
        cell for cell in nbformat.read(SOLUTIONS / f"{name}.ipynb", as_version=4).cells if cell.cell_type == "code"
    ]
    count, others = 0, []
    for here, there in zip(played.cells, stored, strict=True):
        reports = re.search(r"\b(check|progress|answer|start)\(|load_ext|swarmlab (reset|clock|node)", there.source)
        if reports or there.metadata.get("tags") or "(left out: " in here.source or not there.outputs:
            continue
        count += 1
        found = shown(here)
        for ours, theirs in played.names.items():
            found = re.sub(rf"\b{theirs}\b", f"\0{ours}", found)
        ours, theirs = sanitized(shown(there)), sanitized(found.replace("\0", ""))
        if ours != theirs:
            others.append((here.source, ours, theirs))
    return count, others


_HEAD = """\
# The same notebooks on real engines

Made by `python -m tests.labs.on_engines`, which says how; `tests/labs/test_on_engines.py` runs one notebook in every
test run that is given engines, and all of them with `SWARMLAB_THOROUGH=1`.

Each solved notebook is run from its first cell to its last on {engines}, with the genuine docker command, while
`checker record` writes down what happens, and its check cells grade that. Lines that these engines cannot do are left
out, and the run says why in their place. *Judged* is how many points the recording lets be judged, *earned* how many of
these there were; [parity.md](parity.md) says what is not judged, and why. *Alike* is how many cells show the same as in
the lab, of those that can be compared: ids, ages, tokens, addresses and the engines' own names are left out, and so are
reports and what differs from run to run.

A3, A4, ACT1 and ACT2 build and run Django and PostgreSQL, for which these engines have neither images nor a network to
fetch them from; [parity.md](parity.md) has their exercises with images that stand in. A0 has no exercise.

| Notebook | Points | Judged | Earned | Alike | What is left out, and why; what differs |
| --- | ---: | ---: | ---: | ---: | --- |"""


def row(name: str, played: Played) -> str:
    """The line of the table."""
    points = sum(load(one).possible for one in exercises_of(name))
    judged = round(sum(result["possible"] for result in played.results), 2)
    earned = round(sum(result["points"] for result in played.results), 2)
    count, others = alike(name, played)
    texts = [f"{why} ({number} {'line' if number == 1 else 'lines'})" for why, number in played.left_out.items()]
    texts += [f"`{code.splitlines()[0]}` shows something else".replace("|", "\\|") for code, _, _ in others]
    texts += [f"**{len(played.failed)} cells failed**"] if played.failed else []
    texts += [
        f"**{step['id']} missed**: {condition['found']}"
        for result in played.results
        for step in result["steps"]
        for condition in step["conditions"]
        if not (condition["met"] or condition["error"])
    ]
    return f"| {name} | {points} | {judged:g} | {earned:g} | {count - len(others)} of {count} | {'; '.join(texts)} |"


def main() -> None:
    """Run everything, and print the page."""
    parser = argparse.ArgumentParser(description="Run the solved notebooks on real engines.")
    parser.add_argument("names", nargs="*", help="how the names of the notebooks to run begin")
    parser.add_argument("--keep", type=Path, help="keep the notebooks as they were run in this folder")
    options = parser.parse_args()
    endpoints = [text for text in os.environ.get("SWARMLAB_REAL_ENGINES", "").split(",") if text]
    power = os.environ.get("SWARMLAB_REAL_NODE_SCRIPT", "")
    names = [name for name in LABS if not options.names or name.startswith(tuple(options.names))]
    if len(endpoints) < max(LABS[name] for name in names):
        sys.exit("Set SWARMLAB_REAL_ENGINES to the endpoints of three Docker engines that nobody else uses.")
    with engine(endpoints[0]) as client:
        version = client.version()["Version"]
    sys.stdout.write(_HEAD.format(engines=f"Docker engines {version}") + "\n")
    mesh = mesh_works(endpoints)
    for name in names:
        kept = options.keep / f"{name}.ipynb" if options.keep else None
        if kept and kept.exists():
            played = Played(nbformat.read(kept, as_version=4))
        else:
            played = play(name, endpoints[: LABS[name]], power, mesh=mesh)
        if kept:
            nbformat.write(played.book, kept)  # type: ignore[no-untyped-call]
            others = alike(name, played)[1]
            told = "\n".join(f"--- {code}\n<<<\n{ours}\n>>>\n{theirs}\n" for code, ours, theirs in others)
            kept.with_suffix(".txt").write_text(told, encoding="utf-8")
        sys.stdout.write(row(name, played) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
