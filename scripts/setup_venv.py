"""Builds or refreshes the checkout's .venv. Run by scripts/bootstrap; standard library only, Python 3.11 or newer.

It gets what learners need (`constraints-lab.txt`), with `--dev` also what tests and checks need: `constraints.txt` has
all of the other's packages, in the same versions, and more.

A stamp inside .venv says what it was built from. There is none while packages are being installed, so a build that
was interrupted is started afresh by the next run. Runs at the same time wait for one another.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / "swarmlab-stamp.json"
DEV, LAB = ROOT / "constraints.txt", ROOT / "constraints-lab.txt"

# A user's settings for these would send packages somewhere else than into .venv.
MISLEADING = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_HASHES", "UV_SYSTEM_PYTHON", "UV_TARGET")


class SetupError(Exception):
    """Raised when .venv could not be built; the text is for the user."""


def say(text: str) -> None:
    """Print a line for the user, apart from what the calling script prints."""
    print(f"swarmlab: {text}", file=sys.stderr, flush=True)


def wanted(constraints: Path) -> dict[str, str]:
    """What .venv has to be built from; a virtual environment holds absolute paths, so the checkout's own counts too."""
    return {
        "checkout": str(ROOT),
        "python": f"{sys.version} at {sys.base_prefix} on {os.uname().machine}",
        "constraints": hashlib.sha256(constraints.read_bytes()).hexdigest(),
        "project": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
    }


def built() -> dict[str, str]:
    """What .venv was built from; empty when there is none or its building never ended."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(stamp: dict[str, str]) -> None:
    """Say what .venv is built from, in one step: a reader sees the old stamp or the new one."""
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(json.dumps(stamp, indent=2) + "\n")
    unfinished.replace(STAMP)


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Hold the checkout's lock; gives its descriptor, for children to hold on to it if this process is killed."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this checkout is under way; waiting for it.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def run(lock: int, *command: str | Path) -> bool:
    """Run a command to its end; True when it succeeded."""
    env = {key: value for key, value in os.environ.items() if key not in MISLEADING}
    process = subprocess.Popen(
        command,
        env=env,
        cwd="/",  # uv takes settings from the project it is started in, and from those in the folders above
        pass_fds=(lock,),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        start_new_session=True,  # Ctrl-C comes to this process alone: one message, no traceback of the command's
    )
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        # All of the command's own processes too: one that went on would write into the next run's .venv. They may all
        # have ended in this very moment.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def pip_install(lock: int, *arguments: str | Path) -> bool:
    """Install with the pip that every virtual environment has; slow, but it knows the user's own pip settings."""
    pip = (PYTHON, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input")
    return run(lock, *pip, "install", "-qq", "--progress-bar", "off", *arguments)


def install(lock: int, *arguments: str | Path) -> None:
    """Install with uv, which is ten times faster, and with pip where uv is missing or fails."""
    if UV.exists():
        quiet = () if sys.stderr.isatty() else ("-q",)
        uv = (UV, "pip", "install", *quiet, "--system-certs", "--python", PYTHON, "--compile-bytecode")
        if run(lock, *uv, *arguments):
            return
        say("uv did not manage; trying pip, which takes longer.")
    if not pip_install(lock, *arguments):
        message = "the packages could not be installed (see above). If the network was the reason, run this again."
        raise SetupError(message)


def pinned(name: str, constraints: Path) -> str:
    """The lines of a file of pins for one package: its version and hashes."""
    lines = iter(constraints.read_text().splitlines())
    found: list[str] = []
    for line in lines:
        if found and not line.startswith(" "):
            break
        if found or line.startswith(f"{name}=="):
            found.append(line)
    return "\n".join(found) + "\n"


def make_venv(lock: int, constraints: Path) -> None:
    """Make an empty .venv, whatever was there before, with pip and the pinned uv."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    if not run(lock, base, "-I", "-m", "venv", "--clear", VENV):
        message = f"{base} could not make the virtual environment {VENV} (see above)."
        raise SetupError(message)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(pinned("uv", constraints))
        requirements.flush()
        if not pip_install(lock, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements.name):
            say("uv could not be installed; going on with pip alone.")


def build(constraints: Path) -> None:
    """Bring .venv up to date, doing no more than what changed asks for."""
    with alone() as lock:
        have = built()
        if have.get("constraints") == wanted(DEV)["constraints"]:
            # What has everything keeps it, whoever asks for less.
            constraints = DEV
        want = wanted(constraints)
        if have == want:
            return
        if not os.access(ROOT, os.W_OK):
            message = f"{ROOT} is not yours to write to: copy or clone the project into a folder of your own."
            raise SetupError(message)
        fresh = any(have.get(key) != want[key] for key in ("checkout", "python"))
        if fresh or have.get("constraints") != want["constraints"]:
            STAMP.unlink(missing_ok=True)
            if fresh:
                say("setting up .venv; this takes a minute at most on a fair network, and happens once.")
                make_venv(lock, constraints)
            elif have.get("constraints") == wanted(LAB)["constraints"]:
                say("adding what tests and checks need; this happens once.")
            install(lock, "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", constraints)
        write_stamp({**want, "project": ""})
        install(lock, "--no-deps", "--no-build-isolation", "--editable", ROOT)
        write_stamp(want)


def main() -> int:
    """Build .venv unless it is up to date; the exit status."""
    constraints = DEV if sys.argv[1:] == ["--dev"] else LAB
    if built() in (wanted(constraints), wanted(DEV)):
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        build(constraints)
    except (SetupError, OSError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("set-up interrupted; the next run ends it or starts it afresh.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
