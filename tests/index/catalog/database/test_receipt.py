"""The receipt of acknowledged commits beside the catalog."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rag.index.catalog.database.receipt import Receipt


def test_the_last_commit_is_read_back(tmp_path: Path) -> None:
    """Without a file there is none; an earlier number never replaces a later one."""
    receipt = Receipt(tmp_path / "receipt")
    assert receipt.read() is None

    for commits in (1, 12, 7):
        receipt.write("catalog", commits)
    receipt.close()

    assert ("catalog", 12) == Receipt(tmp_path / "receipt").read()


@pytest.mark.parametrize("content", ["", "catalog 12", "catalog 13 2847651203", "catalog twelve 1", "a b c d"])
def test_a_damaged_receipt_counts_as_none(tmp_path: Path, content: str) -> None:
    """Its checksum must fit."""
    (tmp_path / "receipt").write_text(content)

    assert Receipt(tmp_path / "receipt").read() is None


def test_a_reset_receipt_starts_over(tmp_path: Path) -> None:
    """With lower numbers too."""
    receipt = Receipt(tmp_path / "receipt")
    receipt.write("catalog", 12)
    receipt.reset()
    assert receipt.read() is None

    receipt.write("other", 1)
    receipt.close()
    assert ("other", 1) == receipt.read()


def test_a_receipt_that_cannot_be_written_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The commit itself is on disk."""
    (tmp_path / "receipt").mkdir()
    with caplog.at_level(logging.WARNING):
        Receipt(tmp_path / "receipt").write("catalog", 1)

    assert "cannot write" in caplog.text
