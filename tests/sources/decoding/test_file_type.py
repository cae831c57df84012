"""File types: by content, then by extension."""

from __future__ import annotations

import pytest

from rag.errors import ReadError
from rag.sources.decoding.file_type import file_type

from ...making import zipped


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"%PDF-1.7", "x.txt", "pdf"),
        (b"\n\n%PDF-1.7", "x", "pdf"),
        (b"{\\rtf1 x}", "x.doc", "rtf"),
        (zipped({"word/document.xml": b"x"}), "x.zip", "docx"),
        (zipped({"xl/workbook.xml": b"x"}), "x", "workbook"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "x", "workbook"),
        (zipped({"mimetype": b"application/epub+zip"}), "x", "epub"),
        (b"a,b\n1,2", "x.csv", "separated"),
        (b"x", "x.MD", "markdown"),
        (b"x = 1", "x.py", "code"),
        (b"<!-- c --><!DOCTYPE html><p>x", "x.txt", "html"),
        (b"<!doctype html><p>x", "x.xml", "html"),
        (b'<?xml version="1.0"?><a/>', "x", "xml"),
        (b"From a@b.c Mon Jan 06 10:00:00 2025\nSubject: x\n\nx", "x", "mailbox"),
        (b"From: a@b.c\nTo: b@b.c\nSubject: x\n\nx", "x.txt", "mail"),
        (b"From: a@b.c\nTo: b@b.c\nSubject: x\n\nx", "x.log", "text"),
        (b"just words", "x.pdf", "text"),
        (b"", "x", "text"),
    ],
)
def test_types(data: bytes, name: str, expected: str) -> None:
    assert expected == file_type(data, name)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"\x89PNG\r\n", "x.pdf", "a picture"),
        (b"MZ\x90\0", "x.txt", "a program"),
        (b"SQLite format 3\0", "x", "a database"),
        (zipped({"a.txt": b"x"}), "x.zip", "an archive"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.graphics"}), "x.odg", "drawing"),
        (b"PK\x03\x04 not a zip", "x.docx", "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 not OLE", "x.doc", "damaged"),
        (b"abc\0def", "x.docx", "has the extension .docx, but"),
    ],
)
def test_what_cannot_be_parsed(data: bytes, name: str, reason: str) -> None:
    """The reason, and what to do."""
    with pytest.raises(ReadError, match=reason) as raised:
        file_type(data, name)

    assert raised.value.hint
