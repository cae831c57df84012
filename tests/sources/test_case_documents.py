"""Documents as people keep them, in all formats, are read, and their blocks are spans of their text."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from rag.sources.parsers import parse

ARCHIVE = Path(__file__).parent.parent / "data" / "case-documents.tar.gz"


@pytest.mark.process
def test_all_are_read_and_have_blocks() -> None:
    read = 0
    with tarfile.open(ARCHIVE) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is None or member.name.endswith("cases.jsonl"):
                continue
            for document in parse(file.read(), Path(member.name).name).documents:
                read += 1
                assert document.blocks, member.name
                assert all(0 <= block.start < block.end <= len(document.text) for block in document.blocks), member.name
    assert read > 130
