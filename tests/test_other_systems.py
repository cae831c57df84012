"""What the code does on Windows and macOS, as far as that can be run here: every branch for another system."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from rag import Library
from rag.child_process import limit_this_process
from rag.index.catalog.database import backup
from rag.index.locks import NamedLock, _is_running
from rag.sources import files, parser_process

from .torture.world import OwnDirections

ROOT = Path(__file__).parent.parent / "rag"
POSIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}


def test_no_module_of_one_system_is_imported_without_a_guard() -> None:
    """Each such import is inside a function that asks for the system first, or inside a `try`."""
    unguarded = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in ROOT.rglob("*.py")
        for found in re.finditer(rf"^(?:import|from) (?:{'|'.join(POSIX_ONLY)})\b", path.read_text("utf-8"), re.MULTILINE)
    ]

    assert unguarded == []


def test_limits_are_left_out_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "resource", None)

    limit_this_process(1, 0.0)  # would end this process


def test_no_signal_is_sent_to_see_whether_a_process_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, os.kill sends Ctrl-C."""
    sent: list[int] = []
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))

    assert _is_running(2**22 + 1)
    assert [] == sent


def test_files_are_read_without_posix_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_NEVER_WAIT", 0)
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo")

    assert b"one\r\ntwo" == files.read_bytes(files.find_file(tmp_path / "a.txt", "a.txt"), 1)


@pytest.mark.process
def test_a_slow_parser_is_the_files_fault_where_processor_time_is_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "LIMITS_PROCESSOR_TIME", False)
    parser = parser_process.Parser(limit_s=0.5)
    parser.parse(b"words", "a.txt")
    child = parser._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    assert parser.parse(b"words", "a.txt").documents  # in a new child
    parser.close()


@pytest.mark.process
@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_an_index_is_used(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imported, searched through Chroma, backed up and checked with the branches for another system."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The kettle is made of copper.")
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(backup, "fcntl", None)
    with Library.open(tmp_path / "index") as library:
        library.__dict__["_embedder"] = OwnDirections()
        assert 1 == library.sync(folder).added
        assert 1 == library.sync_vectors()
        assert "copper" in library.search("kettle")[0].text
        library.back_up(tmp_path / "copy.sqlite3")
        health = library.check()
        assert () == health.problems
        assert any("Windows" in note or "macOS" in note for note in health.notices)
    with Library.open(tmp_path / "index") as again:
        again.__dict__["_embedder"] = OwnDirections()
        assert 0 == again.sync_vectors()
    lock = NamedLock(tmp_path / "a.lock", "testing")
    assert lock.try_acquire()
    lock.release()
