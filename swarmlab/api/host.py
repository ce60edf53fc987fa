"""What `docker info` and `docker version` say of the machine."""

import os
import platform
from functools import cache
from typing import Any

import psutil

from swarmlab.engine import API_VERSION, MIN_API_VERSION, VERSION

_BUILD_TIME = "2025-05-30T12:07:27.000000000+00:00"
_GIT_COMMIT = "swarmlab"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "AMD64": "amd64"}


@cache
def machine() -> dict[str, Any]:
    """Kernel, cores and memory (bytes) of this machine."""
    return {
        "KernelVersion": platform.release(),
        "OperatingSystem": f"swarmlab on {platform.system()}",
        "OSVersion": "",
        "OSType": "linux",
        "Architecture": platform.machine(),
        "NCPU": os.cpu_count() or 1,
        "MemTotal": psutil.virtual_memory().total,
    }


@cache
def version() -> dict[str, Any]:
    """The answer to `GET /version`. The engine says that it is no other than swarmlab's."""
    facts: dict[str, Any] = {
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "GitCommit": _GIT_COMMIT,
        "GoVersion": f"none (Python {platform.python_version()})",
        "Os": "linux",
        "Arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "KernelVersion": platform.release(),
        "BuildTime": _BUILD_TIME,
    }
    details = {**{key: facts[key] for key in sorted(facts)}, "Experimental": "false"}
    return {
        "Platform": {"Name": "swarmlab"},
        "Components": [{"Name": "Engine", "Version": VERSION, "Details": dict(sorted(details.items()))}],
        "Version": VERSION,
        **facts,
    }
