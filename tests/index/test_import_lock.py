"""Imports into one index take turns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rag.errors import IndexBusyError
from rag.index.import_lock import import_lock, import_turn


def test_a_second_import_names_the_first(tmp_path: Path) -> None:
    """Its process id and what it does."""
    first = import_lock(tmp_path)
    first.acquire()
    with pytest.raises(IndexBusyError, match=rf"importing documents into this index \(pid {os.getpid()}"):
        import_turn(tmp_path, timeout_s=0).__enter__()
    first.release()


def test_a_turn_ends_with_its_block(tmp_path: Path) -> None:
    """Even if it fails."""

    def interrupted() -> None:
        with import_turn(tmp_path):
            assert import_lock(tmp_path).holder()
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert "" == import_lock(tmp_path).holder()
