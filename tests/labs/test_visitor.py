"""The visitor of the labs sees which versions answer, and when nobody does."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import pytest

from checker.notebooks import LABS


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("visitor", LABS / "apps" / "visitor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Site:
    """A web application that changes its mind; `seen` is set by every visit."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"version": "1.0"})
        self.seen = threading.Semaphore(0)
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(site.status)
                self.end_headers()
                self.wfile.write(site.body.encode())
                site.seen.release()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/health"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}).start()

    def visited(self) -> None:
        """Return when somebody who came after this call was served."""
        while self.seen.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.seen.acquire(timeout=20)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_update_that_nobody_noticed(site: Site) -> None:
    with load().Visitor(site.url, pause=0.001) as visits:
        site.visited()
        site.body = json.dumps({"version": "1.1"})
        site.visited()

    assert str(visits) == "Every visit was answered. Versions seen: 1.0, 1.1."


def test_a_gap_is_noticed(site: Site) -> None:
    with load().Visitor(site.url, pause=0.001) as visits:
        site.visited()
        site.status = 503
        site.visited()
        site.status, site.body = 200, "no JSON"
        site.visited()
        site.body = json.dumps({"version": "1.1"})
        site.visited()

    assert "visits failed; it was away for" in str(visits)
    assert "Versions seen: 1.0, 1.1." in str(visits)
    assert visits.failed["Service Unavailable"] >= 1
    assert visits.failed.total() > visits.failed["Service Unavailable"]


def test_nobody_is_there(site: Site) -> None:
    site.server.shutdown()
    site.server.server_close()

    with load().Visitor(site.url) as visits:
        pass

    assert "Versions seen: none." in str(visits)
    assert "Connection refused" in str(visits)
