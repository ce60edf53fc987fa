"""Somebody who keeps visiting a web application, and notices when it is away.

with Visitor("http://127.0.0.1:8000/health") as visits:
    ...  # update the application
print(visits)
"""

import json
import threading
import time
from collections import Counter
from http.client import HTTPException
from types import TracebackType
from urllib.request import ProxyHandler, build_opener

#: How long to wait between two visits, and for an answer, in seconds.
PAUSE, PATIENCE = 0.05, 10.0


class Visitor:
    """Visits an address whose answer is JSON with a `version`, from the beginning of a `with` block to its end."""

    def __init__(self, url: str, pause: float = PAUSE) -> None:
        """Nothing happens before the block begins; `pause` is in seconds."""
        self.answered: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.longest = 0.0
        self._url = url
        self._pause = pause
        # A proxy of this machine's leads to the world outside, and knows nothing of labs.
        self._opener = build_opener(ProxyHandler({}))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def __enter__(self) -> "Visitor":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def __str__(self) -> str:
        """What happened, in a sentence or two."""
        visits, lost = self.answered.total() + self.failed.total(), self.failed.total()
        versions = f"Versions seen: {', '.join(self.answered) or 'none'}."
        if not lost:
            return f"Every visit was answered. {versions}"
        reasons = ", ".join(f"{reason} ({count} times)" for reason, count in self.failed.most_common())
        return (
            f"{lost} of {visits} visits failed; it was away for {self.longest:.1f} s at a time. {versions}\n"
            f"What visitors saw: {reasons}"
        )

    def _visit(self) -> None:
        away_since = None
        while True:
            over = self._over.is_set()
            try:
                with self._opener.open(self._url, timeout=PATIENCE) as answer:
                    self.answered[json.load(answer)["version"]] += 1
                away_since = None
            except (OSError, HTTPException, ValueError, KeyError) as error:
                self.failed[str(getattr(error, "reason", None) or error)] += 1
                away_since = away_since or time.monotonic()
                self.longest = max(self.longest, time.monotonic() - away_since)
            if over:
                # The last visit was made after the end of the block, so each block has one at least.
                return
            self._over.wait(self._pause)
