"""Bytes into documents: picks the parser by a file's content and name. Each format is a module of this package.

A parser is a function from (bytes, name) to a document, or to `ParsedFile` where a file may hold several documents. A new
format is a module and a line in `_PARSERS`. Parsers do not know where bytes come from or where text goes.
"""

from __future__ import annotations

import importlib

from rag.errors import ReadError
from rag.sources.records import ParsedFile

# File type (see `file_type`) → module of this package and its function. Imported on first use: some modules load slowly.
_PARSERS = {
    "text": ("plain_text", "parse"), "markdown": ("markdown", "parse"), "html": ("html", "parse"), "pdf": ("pdf", "parse"),
    "docx": ("docx", "parse"), "pptx": ("pptx", "parse"), "workbook": ("spreadsheets", "parse"),
    "separated": ("spreadsheets", "parse_separated"), "open document": ("opendocument", "parse"), "rtf": ("rtf", "parse"),
    "epub": ("epub", "parse"), "mail": ("mail", "parse"), "mailbox": ("mail", "parse_mailbox"),
    "outlook": ("mail", "parse_outlook"),
    "json": ("structured_data", "parse"), "json lines": ("structured_data", "parse_lines"),
    "xml": ("structured_data", "parse_xml"), "notebook": ("notebook", "parse"),
    "code": ("code", "parse"), "tex": ("code", "parse_tex"), "rst": ("code", "parse_rst"),
}  # fmt: skip
VERSION = "2"  # raise it when more files can be parsed: files that failed before are then tried again
_CONTAINERS = ("mail", "mailbox", "outlook", "pdf", "docx", "pptx", "workbook")  # types that can hold other files


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Turns a file's bytes into its documents, in this process.

    Args:
        data: The whole file.
        name: The file's name. Its suffix counts only where the first bytes do not tell the type.
        depth: How many files this file is nested in.

    Raises:
        ReadError: The file has no text, or none that rag can read.
    """
    if not data or data.isspace():  # no copy is made: the data may be large
        raise ReadError("the file is empty", "nothing to do, unless it should have content")
    from rag.sources.decoding.file_type import file_type

    kind = file_type(data, name)
    module, function = _PARSERS[kind]
    parser = getattr(importlib.import_module(f"rag.sources.parsers.{module}"), function)
    try:
        result = parser(data, name, depth) if kind in _CONTAINERS else parser(data, name)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a malicious file may raise anything; it must not stop the import of the others
        raise ReadError(
            f"the {module} parser failed on it ({type(error).__name__})", "save it again, or as text"
        ) from error
    parsed = result if isinstance(result, ParsedFile) else ParsedFile((result,))
    if not any(document.text and not document.text.isspace() for document in parsed.documents):
        raise ReadError("it has no text", "if it shows pictures of text, run OCR over it first")
    return parsed
