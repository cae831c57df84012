"""Turns a file's bytes into documents. The file's content and name determine which parser is used.

Each family of formats has its own module. A parser is a function that takes a file's bytes and name. It returns a
document, or a `ParsedFile` if the file may contain several documents. To add a format, add a module and
an entry in `_PARSERS`. Parsers do not depend on where the bytes come from or where the text goes.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from heapq import merge
from itertools import islice, pairwise

from rag.errors import ReadError
from rag.records import BLOCK_KINDS, Block, Document
from rag.sources.records import ParsedFile
from rag.text.blocks import recognised
from rag.text.head import head_of

# Maps file types (see `file_type`) to a module and a function. Modules are imported on first use because some load slowly.
_PARSERS = {
    "text": ("plain_text", "parse"), "subtitles": ("plain_text", "parse_subtitles"),
    "markdown": ("markdown", "parse"), "html": ("html", "parse"), "pdf": ("pdf", "parse"),
    "docx": ("docx", "parse"), "pptx": ("pptx", "parse"), "workbook": ("spreadsheets", "parse"),
    "separated": ("spreadsheets", "parse_separated"), "open document": ("opendocument", "parse"), "rtf": ("rtf", "parse"),
    "epub": ("epub", "parse"), "mail": ("mail", "parse"), "mailbox": ("mail", "parse_mailbox"),
    "outlook": ("mail", "parse_outlook"),
    "json": ("structured_data", "parse"), "json lines": ("structured_data", "parse_lines"),
    "xml": ("structured_data", "parse_xml"), "notebook": ("notebook", "parse"),
    "code": ("code", "parse"), "tex": ("code", "parse_tex"), "rst": ("code", "parse_rst"),
}  # fmt: skip
# Types whose files contain the date on which an application created them, which the date on the first page overrules.
_DATED_BY_APPLICATION = frozenset({
    "application/pdf", "application/rtf", "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.presentation", "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
})  # fmt: skip
VERSION = "6"  # increase this when files are parsed differently, so that they are parsed again at the next sync
_MAX_TITLE, _MAX_NAME, _MAX_VALUE = 500, 200, 2_000  # code points of a title or author, a field's name, and its value
_MAX_FIELDS = 50  # metadata fields
_CONTAINERS = ("mail", "mailbox", "outlook", "pdf", "docx", "pptx", "workbook")  # types that can contain other files


def parse(data: bytes, name: str, depth: int = 0) -> ParsedFile:
    """Turns a file's bytes into its documents, in this process.

    Args:
        data: The file's complete content.
        name: The file's name. Its extension matters only if the first bytes do not show the type.
        depth: The number of files that this file is nested in; 0 if it is not inside another file.

    Raises:
        ReadError: The file contains no text that rag can read.
    """
    if not data or data.isspace():  # these checks do not copy the data, which may be large
        raise ReadError("the file is empty", "if it should have content, save it again; otherwise you can ignore this")
    from rag.sources.decoding.file_type import file_type

    kind = file_type(data, name)
    module, function = _PARSERS[kind]
    parser = getattr(importlib.import_module(f"rag.sources.parsers.{module}"), function)
    try:
        result = parser(data, name, depth) if kind in _CONTAINERS else parser(data, name)
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # a malicious file may raise any exception, which must not stop the import of other files
        raise ReadError(
            f"the {module} parser failed ({type(error).__name__})",
            "open it in the application that created it and save it again, or save it as plain text",
        ) from error
    parsed = result if isinstance(result, ParsedFile) else ParsedFile((result,))
    parsed = replace(parsed, documents=tuple(_complete(document) for document in parsed.documents))
    if not any(document.text and not document.text.isspace() for document in parsed.documents):
        raise ReadError("it has no text", "if it consists of pictures of text, run OCR on it first, then add the result")
    return parsed


def _complete(document: Document) -> Document:
    """Limits a document's metadata, and adds what its parser does not know: its blocks, its names, version and date."""
    document = _bounded(document)
    if all(block.kind in ("heading", "cell") for block in document.blocks):
        blocks = merge(_recognised_between(document), document.blocks, key=_order)
        document = replace(document, blocks=tuple(blocks))
    head = head_of(document.text, document.blocks, document.title)
    read = {"names": "; ".join(head.names), "version": head.version}
    metadata = {**{name: value for name, value in read.items() if value}, **document.metadata}
    is_vague = document.media_type in _DATED_BY_APPLICATION and not document.date.startswith(head.date)
    return replace(document, date=head.date if is_vague or not document.date else document.date, metadata=metadata)


def _recognised_between(document: Document) -> Iterator[Block]:
    """Yields the blocks recognised in a document's text, apart from the headings that its parser knows."""
    known = [(block.start, block.end) for block in document.blocks if block.kind == "heading"]
    end = len(document.text)
    for (_, start), (stop, _) in pairwise([(0, 0), *known, (end, end)]):
        part = document.text[start:stop]
        for block in recognised(part, markdown=document.has_headings):
            label_end = block.label_end + start if block.label_end else 0
            yield replace(block, start=block.start + start, end=block.end + start, label_end=label_end)


def _order(block: Block) -> tuple[int, int, int]:
    return block.start, -block.end, BLOCK_KINDS.index(block.kind)


def _bounded(document: Document) -> Document:
    """Shortens what a document says about itself, which is stored, searched and shown with every one of its passages."""
    metadata = {key[:_MAX_NAME]: value[:_MAX_VALUE] for key, value in islice(document.metadata.items(), _MAX_FIELDS)}
    return replace(
        document,
        title=document.title[:_MAX_TITLE],
        author=document.author[:_MAX_TITLE],
        metadata=metadata,
        anchors=tuple(replace(a, name=a.name[:_MAX_NAME]) if len(a.name) > _MAX_NAME else a for a in document.anchors),
    )
