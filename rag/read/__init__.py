"""Bytes into documents: finds the reader for a file by its name and content. Each reader is a module of this folder.

A reader is a function from (bytes, name) to a document; a new format is a module and a line in `_READERS`. Readers do not
know where bytes come from or where text goes.
"""

from __future__ import annotations

import importlib
from pathlib import PurePosixPath

from rag.errors import ReadError
from rag.records import Document

# Suffix → module of this folder; imported when the first such file comes, since some readers are slow to load.
_READERS = {
    ".txt": "text", ".text": "text", ".log": "text",
    ".md": "markdown", ".markdown": "markdown",
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".pdf": "pdf",
}  # fmt: skip
_BY_FIRST_BYTES = ((b"%PDF-", "pdf"), (b"<!doctype html", "html"), (b"<html", "html"))
_KNOWN_BUT_NOT_READ = {
    b"PK\x03\x04": "an Office, OpenDocument or EPUB file, or an archive",
    b"\xd0\xcf\x11\xe0": "an old Office file",
    b"\x89PNG": "a picture", b"\xff\xd8\xff": "a picture", b"GIF8": "a picture",
    b"\x1f\x8b": "a compressed file", b"\x7fELF": "a program", b"SQLite format 3": "a database",
}  # fmt: skip


def read(data: bytes, name: str) -> Document:
    """Turns a file's bytes into a document.

    Args:
        data: The whole file.
        name: Its name; the suffix says what it should be, the first bytes what it is.

    Raises:
        ReadError: It holds no text, or none that rag can read.
    """
    if not data or data.isspace():  # no copy is made of what may be large
        raise ReadError("the file is empty", "nothing to do, unless it should not be")
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    reader = next((module for first, module in _BY_FIRST_BYTES if start.startswith(first)), "")
    for first, what in _KNOWN_BUT_NOT_READ.items():
        if data.startswith(first):
            raise ReadError(f"it is {what}, which rag does not read", "save it as PDF, HTML, Markdown or text")
    reader = reader or _READERS.get(PurePosixPath(name).suffix.lower(), "text")
    try:
        document: Document = importlib.import_module(f"rag.read.{reader}").read(data, name)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a hostile file finds what no reader thought of; it costs itself, not the others
        raise ReadError(
            f"the {reader} reader failed on it ({type(error).__name__})", "save it again, or as text"
        ) from error
    if not document.text or document.text.isspace():
        raise ReadError("no text was found in it", "if it shows pictures of text, it needs OCR first")
    return document
