import os
import subprocess
import sys
import threading

from swarmlab.lab.locks import Lock, held, signed

HOLDER = """
import sys
from pathlib import Path
from swarmlab.lab.locks import Lock
lock = Lock(Path(sys.argv[1]))
assert lock.acquire()
lock.sign()
print("held", flush=True)
sys.stdin.read()
"""


def holder(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_has_one_holder_and_ends_with_it_even_when_killed(tmp_path):
    path = tmp_path / "lock"
    assert not held(path)
    with holder(path) as process:
        assert held(path)
        assert signed(path) == process.pid
        assert not Lock(path).acquire()
        process.kill()
        process.wait()
        assert not held(path)
        assert signed(path) == process.pid, "a crash leaves its signature"


def test_an_orderly_end_leaves_no_signature(tmp_path):
    lock = Lock(tmp_path / "lock")
    assert lock.acquire()
    lock.sign()
    assert signed(lock.path) == os.getpid()
    lock.release()
    assert signed(lock.path) is None
    assert not held(lock.path)


def test_waiting_for_a_lock_whose_file_is_deleted_gets_a_lock_that_others_see(tmp_path):
    path = tmp_path / "lock"
    first = Lock(path)
    assert first.acquire()
    second = Lock(path)
    waiting = threading.Thread(target=second.acquire, args=(None,))
    waiting.start()
    first.release(delete=True)
    waiting.join(10)
    assert held(path)
    second.release()


def test_as_a_context_it_leaves_no_file(tmp_path):
    with Lock(tmp_path / "lock"):
        assert held(tmp_path / "lock")
    assert not (tmp_path / "lock").exists()
