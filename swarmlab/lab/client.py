"""Asking a running lab, over its control socket. Standard library only: every command pays for what it imports."""

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmlab.lab.errors import LabError


class NotRunningError(LabError):
    """Raised when nobody answers on the control socket."""


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("lab", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """See HTTPConnection.connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    control: Path, method: str, path: str, body: Mapping[str, object] | None = None, timeout: float = 60.0
) -> dict[str, Any]:
    """The lab's answer to a request; `timeout` is in seconds.

    Raises NotRunningError when nobody answers, and LabError with the lab's own words when it refuses.
    """
    connection = _Connection(control, timeout)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except TimeoutError:
        raise LabError(f"The lab has not answered for {timeout:g} s; see: swarmlab logs") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotRunningError(f"The lab does not answer ({error}).") from None
    finally:
        connection.close()
    if response.status >= 400:
        raise LabError(str(answer.get("message", answer)))
    return answer
