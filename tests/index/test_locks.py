"""Locks between processes: who holds them, and how they end."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import IndexBusyError, StorageError
from rag.index import locks
from rag.index.locks import NamedLock


@pytest.fixture
def lock(tmp_path: Path) -> NamedLock:
    return NamedLock(tmp_path / "import.lock", "importing documents")


def another(tmp_path: Path) -> NamedLock:
    return NamedLock(tmp_path / "import.lock", "importing documents")


def test_one_at_a_time(lock: NamedLock, tmp_path: Path) -> None:
    """Taking it again is harmless, and so is releasing it again."""
    assert lock.fileno() is None
    assert (True, True, False) == (lock.try_acquire(), lock.try_acquire(), another(tmp_path).try_acquire())
    assert isinstance(lock.fileno(), int)
    lock.release()
    lock.release()

    assert lock.fileno() is None
    second = another(tmp_path)
    assert second.try_acquire()
    second.release()


def test_the_holder_is_named(lock: NamedLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/rag", "sync", "secret"])
    assert "" == lock.holder()
    lock.acquire()
    with pytest.raises(IndexBusyError, match=f"importing documents .pid {os.getpid()}, `rag sync`, since ") as raised:
        another(tmp_path).acquire()

    assert "wait until it has finished" in raised.value.hint
    lock.release()
    assert "" == another(tmp_path).holder()


def test_a_wait_is_logged_once(
    lock: NamedLock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "_WARN_AFTER_S", 0.05)
    lock.acquire()
    with caplog.at_level(logging.WARNING), pytest.raises(IndexBusyError):
        another(tmp_path).acquire(timeout_s=0.4)

    assert 1 == sum("waiting: another process is importing documents" in message for message in caplog.messages)
    lock.release()


@pytest.mark.process
def test_it_ends_with_its_holder(tmp_path: Path) -> None:
    """Killed, a process leaves a name behind, and no lock."""
    program = (
        "import sys, time; from pathlib import Path; from rag.index.locks import NamedLock;"
        "NamedLock(Path(sys.argv[1]), 'x').acquire(); print('held', flush=True); time.sleep(60)"
    )
    path = tmp_path / "import.lock"
    holder = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert "held\n" == holder.stdout.readline()
    assert f"pid {holder.pid}" in another(tmp_path).holder()
    holder.kill()
    holder.communicate()

    assert (tmp_path / "import.holder.json").exists()
    assert "" == another(tmp_path).holder()
    next_one = another(tmp_path)
    assert next_one.try_acquire()
    next_one.release()


@pytest.mark.process
def test_a_child_that_inherited_it_holds_it_too(lock: NamedLock, tmp_path: Path) -> None:
    """The message says that the holder has ended."""
    lock.acquire()
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], pass_fds=[lock.fileno()], stdin=subprocess.PIPE
    )  # it keeps the descriptor
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    holder = json.loads((tmp_path / "import.holder.json").read_text())
    lock.release()
    (tmp_path / "import.holder.json").write_text(json.dumps({**holder, "pid": ended.pid}))

    assert not another(tmp_path).try_acquire()
    assert "which has ended; its last operation is still finishing" in another(tmp_path).holder()
    child.communicate(b"\n")
    free = another(tmp_path)
    assert free.try_acquire()
    free.release()


def test_a_holder_without_a_name(lock: NamedLock, tmp_path: Path) -> None:
    lock.acquire()
    (tmp_path / "import.holder.json").unlink()

    assert "unknown process" == another(tmp_path).holder()
    lock.release()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be locked") as raised:
        NamedLock(tmp_path / "gone" / "import.lock", "x").acquire()

    assert "permissions" in raised.value.hint


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_an_orphan_that_holds_it_is_ended(lock: NamedLock, tmp_path: Path) -> None:
    """Only a process that runs the module that was noted, and only after its parent has exited."""
    program = (
        "import subprocess, sys; from pathlib import Path; from rag.index.locks import NamedLock\n"
        "lock = NamedLock(Path(sys.argv[1]), 'searching'); lock.try_acquire()\n"
        "code = 'import time; time.sleep(100)'\n"
        "command = [sys.executable, '-c', code, 'a.module']\n"
        "child = subprocess.Popen(command, pass_fds=[lock.fileno()], stdout=subprocess.DEVNULL)\n"
        "lock.name_child(child.pid, 'a.module'); lock.release(); print(child.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    path = tmp_path / "orphan.lock"
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    parent.stdout.readline()
    waiting = NamedLock(path, "searching")
    assert not waiting.try_acquire()
    assert not waiting.end_orphan()  # its parent still runs
    parent.communicate()
    assert "last operation is still finishing" in waiting.holder()
    assert waiting.end_orphan()
    waiting.acquire(5.0)
    waiting.release()
    assert not waiting.end_orphan()
