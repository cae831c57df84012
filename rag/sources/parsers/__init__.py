"""Bytes into documents: finds the reader for a file by its content and name. Each reader is a module of this folder.

A reader is a function from (bytes, name) to a document, or to `ParsedFile` where a file holds several; a new format is a
module and a line in `_READERS`. Readers do not know where bytes come from or where text goes.
"""

from __future__ import annotations

import importlib

from rag.errors import ReadError
from rag.records import Document
from rag.sources.records import ParsedFile

# Kind (see `what`) → module of this folder, and its function. Imported when the first such file comes: some load slowly.
_READERS = {
    "text": ("plain_text", "read"), "markdown": ("markdown", "read"), "html": ("html", "read"), "pdf": ("pdf", "read"),
    "docx": ("docx", "read"), "pptx": ("pptx", "read"), "workbook": ("spreadsheets", "read"),
    "separated": ("spreadsheets", "read_separated"), "open document": ("opendocument", "read"), "rtf": ("rtf", "read"),
    "epub": ("epub", "read"), "mail": ("mail", "read"), "mailbox": ("mail", "read_box"),
    "outlook": ("mail", "read_outlook"),
    "json": ("structured_data", "read"), "json lines": ("structured_data", "read_lines"),
    "xml": ("structured_data", "read_xml"), "notebook": ("notebook", "read"),
    "code": ("code", "read"), "tex": ("code", "read_tex"), "rst": ("code", "read_rst"),
}  # fmt: skip
VERSION = "2"  # another one has files tried again that could not be read: raise it when more can
_HOLD_OTHERS = ("mail", "mailbox", "outlook", "pdf", "docx", "pptx", "workbook")


def contents(data: bytes, name: str, within: int = 0) -> ParsedFile:
    """Turns a file's bytes into its documents.

    Args:
        data: The whole file.
        name: Its name; the first bytes say what it is, and where they do not, the suffix.
        within: How many files it lies in.

    Raises:
        ReadError: It holds no text, or none that rag can read.
    """
    if not data or data.isspace():  # no copy is made of what may be large
        raise ReadError("the file is empty", "nothing to do, unless it should not be")
    from rag.sources.decoding.file_type import file_type

    kind = file_type(data, name)
    module, function = _READERS[kind]
    reader = getattr(importlib.import_module(f"rag.sources.parsers.{module}"), function)
    try:
        made = reader(data, name, within) if kind in _HOLD_OTHERS else reader(data, name)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a hostile file finds what no reader thought of; it costs itself, not the others
        raise ReadError(
            f"the {module} reader failed on it ({type(error).__name__})", "save it again, or as text"
        ) from error
    found = made if isinstance(made, ParsedFile) else ParsedFile((made,))
    if not any(document.text and not document.text.isspace() for document in found.documents):
        raise ReadError("no text was found in it", "if it shows pictures of text, it needs OCR first")
    return found


def read(data: bytes, name: str) -> Document:
    """A file's first document, read in this process.

    Raises:
        ReadError: It holds no text, or none that rag can read.
    """
    return contents(data, name).documents[0]
