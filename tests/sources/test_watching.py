"""A folder is followed as editors write, and as it goes and comes back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rag.sources.watching import folder_changes

from ..torture.world import text_of


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """A folder of ten documents, three of them in a subfolder."""
    folder = tmp_path / "ten"
    (folder / "sub").mkdir(parents=True)
    for n in range(10):
        (folder / ("sub" if n > 6 else "") / f"doc{n}").write_text(text_of(f"doc{n}", 1))
    return folder


@pytest.mark.process
def test_a_folder_is_followed(tmp_path: Path, ten: Path) -> None:
    """As editors write, as folders go and come back; what comes close together is one change."""
    ended, seen = threading.Event(), []
    watcher = threading.Thread(target=lambda: seen.extend(time.monotonic() for _ in folder_changes(ten, ended)))
    watcher.start()

    def until(count: int) -> None:
        begun = time.monotonic()
        while len(seen) < count and time.monotonic() - begun < 10:
            time.sleep(0.05)
        assert len(seen) >= count

    until(1)  # once at the beginning
    time.sleep(1.0)
    (ten / "doc1.tmp").write_text("written beside")
    (ten / "doc1.tmp").replace(ten / "doc1")
    until(2)
    time.sleep(1.0)
    before = len(seen)
    for n in range(50):
        (ten / "doc2").write_text(f"saved again and again {n}")
    until(before + 1)
    time.sleep(1.0)
    assert len(seen) <= before + 3
    before = len(seen)
    shutil.rmtree(ten)
    until(before + 1)
    ten.mkdir()
    until(before + 2)
    time.sleep(1.5)
    before = len(seen)
    (ten / "new").write_text("in the folder that came back")
    until(before + 1)
    ended.set()
    watcher.join(5)
    assert not watcher.is_alive()


@pytest.mark.process
def test_what_is_written_during_the_first_sync_is_noticed(ten: Path) -> None:
    """The watch is established only after the caller's first sync, which may take long; it must miss nothing."""
    ended = threading.Event()
    changes = folder_changes(ten, ended)
    next(changes)
    (ten / "new").write_text("written while the caller was busy with its first sync")
    begun = time.monotonic()
    next(changes)
    assert time.monotonic() - begun < 10, "noticed only by the check every 30 s"
    ended.set()
    changes.close()


@pytest.mark.process
def test_the_command_that_follows(tmp_path: Path, ten: Path) -> None:
    """`rag watch` takes in what is written while it runs; another process finds it; Ctrl-C ends it without a word."""
    index = tmp_path / "index"
    command = [sys.executable, "-m", "rag.cli", "--index", str(index)]
    watching = subprocess.Popen([*command, "watch", str(ten)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "10 added" in watching.stdout.readline()
    (ten / "lighthouse.txt").write_text("The lighthouse of Kemi was sold for 310 euros.")
    assert "1 added" in watching.stdout.readline()
    found = subprocess.run([*command, "search", "lighthouse of Kemi", "--json"], capture_output=True, text=True, check=True)
    assert "310 euros" in found.stdout
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=20)
    assert 130 == watching.returncode
    assert "Traceback" not in errors
