"""`rag account`, run as a process; the web interface has its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import rag

pytestmark = pytest.mark.process


def test_account(room: Path) -> None:
    """The password is read from standard input and never printed; a short password is refused."""
    done = rag(room, "account", "jane", "--password-stdin", stdin="correct horse battery\n")
    short = rag(room, "account", "jane", "--password-stdin", stdin="x\n")

    assert (0, "saved account 'jane' in index; if `rag ui` is running, restart it\n") == (done.returncode, done.stdout)
    assert "horse" not in done.stdout + done.stderr
    assert (1, True) == (short.returncode, "at least" in short.stderr)
