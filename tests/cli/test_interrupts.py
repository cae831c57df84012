"""Ctrl-C and SIGTERM end a command within two seconds, whatever is being read, and lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rag import Library

pytestmark = pytest.mark.process

SLOW = {
    "an.xml": b"<a>" + b"<b>x</b>" * 6_000_000 + b"</a>",  # some ten seconds in the parser
    "a.txt": b"The kettle is made of copper and holds two litres. " * 400_000,  # splitting and embedding
    "a.md": b"# a\nb\n" * 500_000,
}
CASES = [("an.xml", signal.SIGINT), ("a.txt", signal.SIGTERM), ("a.md", signal.SIGINT)]
LONGEST_S = 4.0  # twice what is promised, because other tests may keep the machine busy


def wait_for(done: subprocess.Popen[str], signal_: signal.Signals) -> float:
    """Sends a signal, and returns the seconds until the process has ended."""
    begun = time.monotonic()
    done.send_signal(signal_)
    done.communicate(timeout=30)
    return time.monotonic() - begun


@pytest.mark.parametrize(("name", "stop"), CASES)
def test_a_sync_ends(name: str, stop: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "0.txt").write_text("The ladle is made of tin.")
    (folder / f"z{name}").write_bytes(SLOW[name])
    command = [sys.executable, "-m", "rag.cli", "--index", str(tmp_path / "index"), "sync", str(folder)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3.0)
    assert running.poll() is None
    assert wait_for(running, stop) < LONGEST_S
    assert running.returncode in (130, -signal.SIGINT, -signal.SIGTERM, 143)
    with Library.open(tmp_path / "index", short_lived=True) as library:
        assert () == library.check().problems


@pytest.mark.parametrize(("name", "stop"), CASES)
def test_a_page_ends(name: str, stop: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / name).write_bytes(SLOW[name])
    running = subprocess.Popen(
        [sys.executable, "-m", "rag.cli", "--index", str(tmp_path / "index"), "ui", "--port", "0"],
        env={**os.environ, "RAG_DOCUMENTS": str(folder)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert "http" in running.stdout.readline()
    time.sleep(3.0)
    assert running.poll() is None
    assert wait_for(running, stop) < LONGEST_S
