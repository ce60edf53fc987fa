"""What JupyterLab is told, in files of its own folder: a tidy workplace, and nothing that asks or distracts."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from swarmlab.lab.folder import make_private, write_whole

HOST = "127.0.0.1"
#: The port where it looks for a free one first.
PORT = 8888
#: Where the files below lie in JupyterLab's folder: its configuration, its data, and the descriptions of what runs.
CONFIG, DATA, RUNTIME = "config", "data", "runtime"
_PART = "JupyterLab's folder"
#: Tables of the docker command are wide: better to scroll them than to break their lines.
_STYLE = ".jp-RenderedText pre { white-space: pre !important; overflow-x: auto; }\n"
#: The only kernel, under the name that the notebooks give it. It offers no debugger: cells are commands for a shell.
_KERNEL = {
    "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python 3",
    "language": "python",
    "kernel_protocol_version": "5.5",
}
#: Names that the file browser leaves out: JupyterLab's own, and the labs' folders that notebooks show pictures from and
#: copy applications from. They can be reached all the same.
_HIDDEN = ["__pycache__", "*.pyc", "*.pyo", ".DS_Store", "*.so", "*.dylib", "*~", "images", "apps"]
_PAGE = {
    "disabledExtensions": {
        # Without a source of news JupyterLab would still ask whether its user wants any.
        "@jupyterlab/apputils-extension:announcements": True,
        # Panels that would be empty, or offer what is switched off.
        "@jupyterlab/debugger-extension": True,
        "@jupyterlab/extensionmanager-extension": True,
    }
}
#: Defaults other than JupyterLab's own; its users may change them in its settings.
_DEFAULTS = {
    # Names of notebooks need the room.
    "@jupyterlab/filebrowser-extension:browser": {"showLastModifiedColumn": False},
    # Cells that are run before their kernel is there are not run at all, and JupyterLab keeps silent about it.
    "@jupyterlab/notebook-extension:tracker": {"enableKernelInitNotification": True},
}


def settings(notebooks: Path, token: str, port: int | None) -> dict[str, dict[str, Any]]:
    """JupyterLab's configuration. Without a `port` it is PORT, or the next one that is free."""
    return {
        "Application": {"log_level": "WARN"},
        "ServerApp": {
            "root_dir": str(notebooks),
            "ip": HOST,
            "port": port or PORT,
            "port_retries": 0 if port else 50,
            "open_browser": False,
            "allow_root": True,
            # A login shell, the default here, would set PATH anew and lose the commands of the lab.
            "terminado_settings": {"shell_command": [os.environ.get("SHELL") or shutil.which("bash") or "sh"]},
        },
        "IdentityProvider": {"token": token},
        "ContentsManager": {"hide_globs": _HIDDEN},
        "LabApp": {
            "news_url": None,
            "custom_css": True,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
        },
        "KernelSpecManager": {"allowed_kernelspecs": ["python3"]},
        "LanguageServerManager": {"autodetect": False},
    }


def write(place: Path, notebooks: Path, token: str, port: int | None) -> None:
    """Write JupyterLab's files into its folder, `place`. Raises LabError when it cannot be written to."""
    files: dict[str, Any] = {
        # The folder is private, and so is the token in it; a command line or a cell's environment would show it.
        f"{CONFIG}/jupyter_server_config.json": settings(notebooks, token, port),
        f"{CONFIG}/labconfig/page_config.json": _PAGE,
        f"{CONFIG}/labconfig/default_setting_overrides.json": _DEFAULTS,
        f"{DATA}/kernels/python3/kernel.json": _KERNEL,
    }
    for folder in (CONFIG, f"{CONFIG}/labconfig", f"{CONFIG}/custom", DATA, f"{DATA}/kernels/python3", RUNTIME):
        make_private(place / folder, _PART)
    for name, content in files.items():
        write_whole(place / name, json.dumps(content, indent=2) + "\n")
    write_whole(place / CONFIG / "custom" / "custom.css", _STYLE)
