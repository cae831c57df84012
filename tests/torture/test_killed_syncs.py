"""`rag sync` killed again and again on a busy machine, each time followed by `rag doctor`, as a user would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rag import Library

from .world import text_of

pytestmark = pytest.mark.process
HOG = "while True: pass"


@contextmanager
def busy_machine(count: int) -> Iterator[None]:
    """Keeps the processors busy."""
    hogs = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_doctor_after_killed_syncs(tmp_path: Path, full: bool, request: pytest.FixtureRequest) -> None:
    """No document that was there is lost, and no round needs a repair."""
    chooser = random.Random(request.config.getoption("--seed"))
    folder, index = tmp_path / "documents", tmp_path / "index"
    folder.mkdir()
    for n in range(200):
        (folder / f"doc{n}").write_text(text_of(f"doc{n}", 1))
    command = [sys.executable, "-m", "rag.cli", "--index", str(index)]
    assert 0 == subprocess.run([*command, "sync", str(folder)], capture_output=True, check=False, timeout=600).returncode
    rounds, notes = (200 if full else 2), 0
    with busy_machine(8 if full else 2):
        for number in range(rounds):
            for n in chooser.sample(range(200), 20):
                (folder / f"doc{n}").write_text(text_of(f"doc{n}", number + 2))
            running = subprocess.Popen(
                [*command, "sync", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(chooser.uniform(1.5, 6))
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            done = subprocess.run([*command, "doctor"], capture_output=True, text=True, check=False, timeout=600)
            assert 0 == done.returncode, f"round {number}: {done.stdout}{done.stderr}"
            notes += "note:" in done.stdout
    print(f"{rounds} rounds, {notes} with a note about Chroma")
    assert 0 == subprocess.run([*command, "sync", str(folder)], capture_output=True, check=False, timeout=600).returncode
    with Library.open(index, short_lived=True) as library:
        assert 200 == len(library.documents())
        for n in range(200):
            assert (folder / f"doc{n}").read_text() == library.document(f"doc{n}").text
