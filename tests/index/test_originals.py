"""The bytes that documents were read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag import Library
from rag.errors import SourceError
from rag.index.originals import original


def _original(library: Library, source: str) -> bytes:
    return original(library._catalog, library._catalog.documents.find(source), source)


def test_an_unchanged_file_is_read(library: Library, folder: Path) -> None:
    """Its bytes, not its text."""
    (folder / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    library.sync(folder)

    assert b"one\r\ntwo\r\n" == _original(library, "crlf.txt")


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_changed_file_is_not_the_original(library: Library, folder: Path, is_deleted: bool) -> None:
    """What was read no longer exists."""
    library.sync(folder)
    if is_deleted:
        (folder / "rivers.txt").unlink()
    else:
        (folder / "rivers.txt").write_text("The Rhine.")

    with pytest.raises(SourceError, match=r"rivers\.txt.* no longer exists, or has changed"):
        _original(library, "rivers.txt")


def test_bytes_without_a_file_are_kept(library: Library) -> None:
    """Standard input, for one."""
    library.add_bytes(b"one\r\n", "input.txt")

    assert b"one\r\n" == _original(library, "input.txt")
