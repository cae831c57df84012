"""`rag account`, as a process; the page itself has tests of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import rag

pytestmark = pytest.mark.process


def test_account(room: Path) -> None:
    """The password comes from standard input and is not printed; a short one is refused."""
    done = rag(room, "account", "jane", "--password-stdin", stdin="correct horse battery\n")
    short = rag(room, "account", "jane", "--password-stdin", stdin="x\n")

    assert (0, "account 'jane' of index; restart a running page to use it\n") == (done.returncode, done.stdout)
    assert "horse" not in done.stdout + done.stderr
    assert (1, True) == (short.returncode, "at least" in short.stderr)
