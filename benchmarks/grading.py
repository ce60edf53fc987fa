"""How fast grading is: `scripts/bench checker`.

A journal is made in virtual time in which several exercises were solved one after the other. Measured are the check of
one exercise on it (95th percentile), and `grade-all` of many submissions of it, every exercise of each.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import timed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "checker"))

#: What the learner did; the others are not begun.
SOLVED = ("A1", "A2", "B1", "B2", "B4", "Q5", "Q6")


def make_journal(folder: Path) -> Path:
    """A journal with these exercises solved, and their attempts beside it."""
    from stage import Stage

    from checker.exercise import load
    from checker.session import Session

    with Stage(3) as stage:
        for exercise in SOLVED:
            stage.play(load(exercise).start.commands)
            Session(exercise, journal=stage.path).start()
            for step in load(exercise).steps:
                stage.play([line for line in step.solution if not line.startswith("curl")])
            for node in ("node-3", "node-2", "node-1"):
                stage.play([f"docker --context {node} swarm leave --force || true"])
        shutil.copytree(stage.path.parent, folder / "lab", ignore=shutil.ignore_patterns("run", "docker", "*.sock"))
    return folder / "lab" / "journal.sqlite"


def main() -> None:
    """Measure, print, and exit with 1 where a bound is broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=300)
    parser.add_argument("--checks", type=int, default=20, help="of each exercise")
    parser.add_argument("--mutants", action="store_true", help="also time the whole suite of plays")
    arguments = parser.parse_args()

    from checker.exercise import available
    from checker.gradeall import grade_all
    from checker.session import Session
    from checker.submission import pack

    broken = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = make_journal(folder)
        print(f"journal: {journal.stat().st_size / 1e6:.1f} MB, {len(available())} exercises")
        times = [
            timed(lambda exercise=exercise: Session(exercise, journal=journal).check())  # type: ignore[misc]
            for exercise in available()
            for _ in range(arguments.checks)
        ]
        percentile = statistics.quantiles(times, n=20)[-1]
        broken |= percentile > 0.2
        print(f"check of one exercise: median {statistics.median(times) * 1e3:.0f} ms, p95 {percentile * 1e3:.0f} ms")
        submissions = folder / "in"
        submissions.mkdir()
        pack(journal, submissions / "0.zip", "learner 0")
        for number in range(1, arguments.submissions):
            shutil.copy(submissions / "0.zip", submissions / f"{number}.zip")
        begin = time.perf_counter()
        graded = grade_all(submissions)
        seconds = time.perf_counter() - begin
        broken |= seconds > 60 or any(one.error for one in graded)
        print(f"grade-all of {len(graded)} submissions: {seconds:.1f} s")
    if arguments.mutants:
        suite = [sys.executable, "-m", "pytest", "-q", "tests/checker/test_plays.py"]
        seconds = timed(lambda: subprocess.run(suite, cwd=ROOT, check=True, capture_output=True))
        broken |= seconds > 300
        print(f"every solution, route and mutant: {seconds:.0f} s")
    sys.exit(broken)


if __name__ == "__main__":
    main()
