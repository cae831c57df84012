"""Parses files that could break a parser in a child process with limits on time and memory.

A file that makes a parser crash, loop or exhaust memory costs only its own line in the report: the next file gets a new
child.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from rag.child_process import ChildCrashError, ChildTimeoutError, Frame, SupervisedChild
from rag.errors import RagError, ReadError
from rag.records import Anchor, Document, Failure
from rag.sources.decoding.file_type import is_plain_text
from rag.sources.parsers import parse
from rag.sources.records import ParsedFile

_LIMIT_S = 30.0  # for a file of ordinary size
_BYTES_PER_S = 1_000_000  # extra time for what a file has beyond that size
_ORDINARY_BYTES = 20_000_000
_CHILD = "rag.sources.parser_child"


class Parser:
    """Parses files. Safe to share between threads; close it when done.

    Args:
        limit_s: Seconds one file of ordinary size may take; with OCR, seconds each page may take.
        ocr: Whether the text of scanned pages is recognised.
    """

    def __init__(self, limit_s: float = _LIMIT_S, *, ocr: bool = False) -> None:
        self._limit_s = limit_s
        self._options = ["--ocr"] if ocr else []
        self._child: SupervisedChild | None = None
        self._closed = False
        self._lock = threading.Lock()  # held during a request

    def parse(self, data: bytes, name: str) -> ParsedFile:
        """Returns a file's documents.

        Raises:
            ReadError: The file has no text that rag can read, or parsing took too much time or memory.
            RagError: The parser was closed meanwhile, which says nothing about the file.
        """
        if not data or data.isspace() or is_plain_text(data, name):
            return parse(data, name)
        return _decoded(self._request({"name": name}, data))

    def picture(self, data: bytes, anchors: Sequence[Anchor], page: int, spans: Sequence[tuple[int, int]]) -> bytes:
        """Returns a page of a PDF as a PNG with the lines of some spans marked; see `rag.sources.parsers.pdf.picture`.

        Raises:
            ReadError: The page cannot be drawn, or drawing took too much time or memory.
            RagError: The parser was closed meanwhile.
        """
        page_starts = [(anchor.start, anchor.page) for anchor in anchors]
        return self._request({"page": page, "spans": list(spans), "anchors": page_starts}, data).payload

    def close(self) -> None:
        """Ends the child, even while it is parsing."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()  # subtle: without the lock, which the thread that waits for the child holds until then
        with self._lock:
            self._end_child()

    def _request(self, message: dict[str, Any], data: bytes) -> Frame:
        limit_s = self._limit_s + max(0, len(data) - _ORDINARY_BYTES) / _BYTES_PER_S
        with self._lock:
            child = self._running_child()
            try:
                reply = child.request(message, data, limit_s=limit_s)
            except (ChildTimeoutError, ChildCrashError) as error:
                raise self._translated(error) from None
            if len(data) > _ORDINARY_BYTES:
                self._end_child()  # it would keep the memory that it took
        if "error" in reply.message:
            raise ReadError(str(reply.message["error"]), str(reply.message["hint"]))
        return reply

    def _translated(self, error: ChildTimeoutError | ChildCrashError) -> RagError:
        if self._closed:
            return RagError("parsing was stopped")
        if isinstance(error, ChildTimeoutError):
            return ReadError(f"parsing it took more than {error.limit_s:.0f} s", "save it again, or in parts, or as text")
        return ReadError("its parser crashed (or ran out of memory)", "save it again, or as text")

    def _running_child(self) -> SupervisedChild:
        if self._closed:
            raise RagError("parsing was stopped")
        if self._child is None or not self._child.is_alive():
            self._end_child()
            self._child = SupervisedChild.start(_CHILD, *self._options)
        return self._child

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def encode_reply(parsed: ParsedFile) -> Frame:
    """Packs documents into a frame: their fields as JSON, their texts as the payload."""
    # A lone surrogate, which JSON can spell and nothing can store, becomes a question mark: lengths stay.
    texts = [document.text.encode("utf-8", "replace") for document in parsed.documents]
    documents = [
        {
            "title": _clean(document.title),
            "author": _clean(document.author),
            "date": document.date,
            "media_type": document.media_type,
            "metadata": {key: _clean(value) for key, value in document.metadata.items()},
            "source": _clean(document.source),
            "content_hash": document.content_hash,
            "bytes": len(text),
            "anchors": [[a.start, _clean(a.name), a.page, a.counts, a.first] for a in document.anchors],
        }
        for document, text in zip(parsed.documents, texts, strict=True)
    ]
    failed = [[_clean(failure.source), failure.error, failure.hint] for failure in parsed.failed]
    return Frame({"documents": documents, "failed": failed}, b"".join(texts))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _decoded(reply: Frame) -> ParsedFile:
    documents, at = [], 0
    for fields in reply.message["documents"]:
        size = fields.pop("bytes")
        text = reply.payload[at : at + size].decode("utf-8")
        at += size
        anchors = tuple(Anchor(*anchor) for anchor in fields.pop("anchors"))
        documents.append(Document(text=text, anchors=anchors, **fields))
    return ParsedFile(tuple(documents), tuple(Failure(*failure) for failure in reply.message["failed"]))
