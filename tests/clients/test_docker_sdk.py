"""The Docker SDK's own integration tests, with the SDK that is installed, against a lab.

Releases since 7.1 come without tests; those of 7.0.0 are what the SDK still does.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ClientLab
from .sources import Source, unpacked

_SDK = Source("docker", "7.0.0", "323736fb92cd9418fc5e7133bc953e11a9da04f4483f828b527db553f1e7e5a3")
_HERE = Path(__file__).parent
_IMAGE = "alpine:latest"
#: Modules of tests about what a lab has; left out are plugins, registries and the SDK's own contexts.
_MODULES = (
    "api_build", "api_client", "api_config", "api_container", "api_exec", "api_healthcheck", "api_image", "api_network",
    "api_secret", "api_service", "api_swarm", "api_volume", "client", "errors", "models_containers", "models_images",
    "models_networks", "models_nodes", "models_resources", "models_services", "models_swarm", "models_volumes",
    "regression",
)  # fmt: skip


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SDK's tests, away from the SDK's sources, with an image that a lab has."""
    source = unpacked(_SDK) / "tests"
    folder = tmp_path_factory.mktemp("sdk")
    (folder / "tests").mkdir()
    for path in source.rglob("*"):
        target = folder / "tests" / path.relative_to(source)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            text = path.read_bytes()
            if path.name == "base.py":
                text = text.replace(b"TEST_IMG = 'alpine:3.10'", f"TEST_IMG = '{_IMAGE}'".encode())
            target.write_bytes(text)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --tb=short -rfEX\n")
    return folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("module", _MODULES)
def test_the_sdk_s_own_tests_pass(module: str, suite: Path, lab: ClientLab) -> None:
    env = {
        **lab.env(),
        "PYTHONPATH": os.pathsep.join([str(suite), str(_HERE)]),
        "SDK_KNOWN": str(_HERE / "sdk_known.txt"),
        # The plugins of this suite take three seconds of each process, and do nothing for the SDK's.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [
        sys.executable, "-m", "pytest", "-q", "-p", "sdk_plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider",
        "--timeout", "60", f"tests/integration/{module}_test.py",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=suite, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
