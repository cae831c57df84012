"""Chroma in its child process: requests, positions, failures."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StorageError
from rag.index.chroma import ChromaFolder, ChromaProcess, process
from rag.index.locks import NamedLock

pytestmark = pytest.mark.process
AXES = np.eye(4, dtype=np.float32)


def test_a_generation_remembers_its_position(tmp_path: Path) -> None:
    """The last change of a key wins."""
    opened = ChromaProcess.open(tmp_path / "1", None)
    assert ("", 0) == (opened.position, len(opened))
    opened.apply([("a", AXES[0]), ("b", AXES[1]), ("a", AXES[2])], "v:3")
    opened.apply([("b", None), ("unknown", None)], "v:5")
    assert (["a"], ["a"]) == (opened.keys(), [key for key, _ in opened.nearest(AXES[2], 2)])
    assert [] == opened.nearest(AXES[2] * np.nan, 2)
    opened.close()
    opened = ChromaProcess.open(tmp_path / "1", None)

    assert ("v:5", 1) == (opened.position, len(opened))
    opened.abandon()


def test_an_abandoned_generation_is_not_opened_again(tmp_path: Path) -> None:
    opened = ChromaProcess.open(tmp_path / "1", None)
    opened.apply([("a", AXES[0])], "v:1")
    opened.abandon()
    opened.abandon()  # harmless
    with pytest.raises(StorageError, match="generation 1 cannot be used") as raised:
        ChromaProcess.open(tmp_path / "1", None)

    assert "rebuilds" in raised.value.hint


def test_failures_name_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash, a hang and an error of Chroma's own are told apart."""
    opened = ChromaProcess.open(tmp_path / "1", None)
    opened.apply([("a", np.ones(3, np.float32))], "v:1")
    with pytest.raises(StorageError, match="Chroma failed on the request 'apply'"):
        opened.apply([("b", np.ones(5, np.float32))], "v:2")
    os.kill(opened._child.pid, signal.SIGSTOP)
    monkeypatch.setattr(process, "_REPLY_S", 0.3)
    with pytest.raises(StorageError, match="did not reply to the request 'count' within 0 s"):
        len(opened)
    with pytest.raises(
        StorageError, match=r"ended unexpectedly \(exit code -9\) during the request 'keys'"
    ):  # no second child is started
        opened.keys()
    opened.abandon()


def test_generations_of_a_folder(tmp_path: Path) -> None:
    folder = ChromaFolder(tmp_path / "chroma", NamedLock(tmp_path / "chroma.lock", "searching"))
    for name in ("1", "2"):
        folder.open(name).close()
    folder.remove_others("2")

    assert {"2", "2.seal.json"} == {path.name for path in (tmp_path / "chroma").iterdir()}
