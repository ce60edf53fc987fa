import subprocess
import sys
import threading

from swarmlab.lab import logs

WRITER = """
import logging, os, sys
from pathlib import Path
from swarmlab.lab import logs
logs.LOG_SIZE = 2000
log = logs.log_to(Path(sys.argv[1]))
for number in range(100):
    log.info("line %d", number)
os.write(2, b"the last words\\n")
"""


def test_the_log_is_bounded_and_takes_what_python_itself_writes(tmp_path):
    path = tmp_path / "daemon.log"
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True, timeout=60)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(file.stat().st_size < 2200 for file in tmp_path.iterdir())
    assert logs.tail(path, 1) == ["the last words"]
    assert logs.tail(path, 2)[0].endswith("Z INFO root line 99")


def test_tail_reads_on_in_the_older_logs(tmp_path):
    path = tmp_path / "daemon.log"
    path.write_text("3\n4\n")
    path.with_name("daemon.log.1").write_text("1\n2\n")
    assert logs.tail(path, 3) == ["2", "3", "4"]
    assert logs.tail(path, 9) == ["1", "2", "3", "4"]
    assert logs.tail(path, 0) == []
    assert logs.tail(tmp_path / "none.log", 5) == []


def test_follow_goes_over_to_the_new_log(tmp_path, monkeypatch):
    path = tmp_path / "daemon.log"
    path.write_text("old\n")
    seen, waiting = [], threading.Semaphore(0)
    monkeypatch.setattr(logs, "_POLL", 0.001)

    def read():
        for piece in logs.follow(path):
            seen.append(piece)
            waiting.release()
            if len(seen) == 2:
                return

    began = threading.Event()
    monkeypatch.setattr(logs.time, "sleep", lambda _: began.set() or threading.Event().wait(0.001))
    reader = threading.Thread(target=read)
    reader.start()
    assert began.wait(10)
    with path.open("a") as file:
        file.write("more\n")
    assert waiting.acquire(timeout=10)
    path.rename(tmp_path / "daemon.log.1")
    path.write_text("new\n")
    reader.join(10)
    assert seen == ["more\n", "new\n"]
