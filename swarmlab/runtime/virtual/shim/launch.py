"""Plays the command `python`: makes the process see its container, then does what the command line says."""

import signal

#: What an interrupt does to the program. While Python starts it ends the process, as it does in a container.
_INTERRUPTED = signal.getsignal(signal.SIGINT)
if _INTERRUPTED is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import builtins
import contextlib
import json
import os
import site
import sys
import types
from typing import Any, NoReturn

_HERE = os.path.dirname(os.path.abspath(__file__))
#: The variable that names the file with what a process must know of its container.
VARIABLE = "SWARMLAB_SHIM"

#: What belongs to the kernel, terminals among it.
_SYSTEMS = ("/dev", "/proc")

#: The largest file that a program may write, in bytes.
_LARGEST_FILE = 1 << 30

#: Options for the interpreter itself; those of the second group take a value.
_FLAGS = frozenset("bBdEIiOPqRsSuvx")
_VALUED = frozenset("WX")


def main(argv: list[str]) -> int:
    """Run a command line (without the name of the interpreter); its exit code."""
    with open(os.environ[VARIABLE], encoding="utf-8") as file:
        settings: dict[str, Any] = json.load(file)
    options, rest = _split(argv)
    if "V" in options:
        sys.stdout.write(f"Python {sys.version.split()[0]}\n")
        return 0
    _prepare(settings)
    _limit()
    # With these some programs start themselves again, as Flask does when a file has changed.
    sys.orig_argv = [sys.executable, *argv]
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    kind, word, arguments = rest
    signal.signal(signal.SIGINT, _INTERRUPTED)
    try:
        if kind == "-c":
            sys.argv = ["-c", *arguments]
            sys.path.insert(0, "")
            _execute(word, "<string>", module)
        elif kind == "-m":
            import runpy

            sys.argv = ["-m", *arguments]
            sys.path.insert(0, os.getcwd())
            runpy._run_module_as_main(word)  # type: ignore[attr-defined]
        elif kind == "script":
            sys.argv = [word, *arguments]
            _run_script(word, module)
        elif sys.stdin.isatty() or "i" in options:
            _interact(module)
        else:
            sys.argv = [word]
            sys.path.insert(0, "")
            _execute(sys.stdin.read(), "<stdin>", module)
    except SystemExit:
        raise
    except BaseException as error:
        _complain(error)
    return 0


def _split(argv: list[str]) -> tuple[str, tuple[str, str, list[str]]]:
    """The options by their letters, and what is to be run: kind, word, its arguments."""
    options = ""
    words = list(argv)
    while words:
        word = words.pop(0)
        if word in {"--version", "-V", "-VV"}:
            return "V", ("", "", [])
        if word == "-" or not word.startswith("-"):
            return options, ("script" if word != "-" else "", word, words)
        for index, letter in enumerate(word[1:], 2):
            if letter in "cm":
                value = word[index:] or (words.pop(0) if words else "")
                if not value:
                    _fail(f"Argument expected for the -{letter} option")
                return options, (f"-{letter}", value, words)
            if letter in _VALUED:
                if not word[index:] and words:
                    words.pop(0)
                break
            if letter not in _FLAGS:
                _fail(f"unknown option {word if word.startswith('--') else '-' + letter}")
            options += letter
    return options, ("", "", [])


def _fail(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\nusage: python [option] ... [-c cmd | -m mod | file | -] [arg] ...\n")
    sys.exit(2)


def _limit() -> None:
    """No file grows beyond what a lab's folder can bear: writing then fails as it does on a full disk."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE, hard))


def _prepare(settings: dict[str, Any]) -> None:
    # Python puts a script's directory first; the program's own takes its place later.
    import containerfiles  # type: ignore[import-not-found]
    import containernet  # type: ignore[import-not-found]
    import landlock  # type: ignore[import-not-found]

    # Programs of this machine that it starts do not see the container, and change nothing outside of it either.
    handled = landlock.rights() & ~landlock.READING
    ruleset = landlock.prepare(handled, ((path, handled) for path in (*_SYSTEMS, *settings["writable"])))
    if ruleset is not None:
        landlock.enforce(ruleset)
    containerfiles.install(settings, _HERE)
    containernet.install(settings)
    sys.path.remove(_HERE)
    # Children inherit it; the program need not see it.
    for name in (VARIABLE, "SWARMLAB_CONTAINER"):
        os.environ._data.pop(os.environ.encodekey(name), None)  # type: ignore[attr-defined]
    sys.executable = settings["python"]
    if settings["prefix"]:
        # Whoever compares them knows that this is a virtual environment.
        sys.prefix = sys.exec_prefix = settings["prefix"]
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path and path not in sys.path]
    # Python has looked for them while it started, when the container's files could not be seen.
    sys.path_importer_cache.clear()
    for directory in settings["site"]:
        site.addsitedir(directory)
    site.setquit()
    site.setcopyright()
    site.sethelper()


def _run_script(path: str, module: types.ModuleType) -> None:
    full = os.path.abspath(path)
    if os.path.isdir(path):
        import runpy

        runpy.run_path(path, run_name="__main__")
        return
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"python: can't open file '{full}': [Errno {error.errno}] {error.strerror}\n")
        sys.exit(2)
    sys.path.insert(0, os.path.dirname(full))
    module.__dict__["__file__"] = full
    _execute(source, full, module)


def _execute(source: str | bytes, name: str, module: types.ModuleType) -> None:
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 (the learner's program)


def _interact(module: types.ModuleType) -> None:
    import code

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (line editing)
    sys.argv = [""]
    sys.path.insert(0, "")
    sys.ps1, sys.ps2 = ">>> ", "... "
    text = f"Python {sys.version} on {sys.platform}\n"
    text += 'Type "help", "copyright", "credits" or "license" for more information.'
    code.interact(banner=text, local=module.__dict__, exitmsg="")


def _complain(error: BaseException) -> NoReturn:
    """Show an error as the interpreter does, without what is ours on top of it."""
    _trim(error)
    sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)
    sys.exit(130 if isinstance(error, KeyboardInterrupt) else 1)


def _trim(error: BaseException | None) -> None:
    """Take what is ours out of the tracebacks of an error and of those that it came from."""
    while error is not None:
        frames = []
        traceback = error.__traceback__
        while traceback is not None:
            if os.path.dirname(traceback.tb_frame.f_code.co_filename) != _HERE:
                frames.append(traceback)
            traceback = traceback.tb_next
        rest: types.TracebackType | None = None
        for one in reversed(frames):
            rest = types.TracebackType(rest, one.tb_frame, one.tb_lasti, one.tb_lineno)
        error.__traceback__ = rest
        error = error.__cause__ or error.__context__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
