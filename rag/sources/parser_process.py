"""Parses files in a child process with limits on time and memory, because a file may crash a parser.

If a file makes a parser crash, loop or exhaust memory, only that file is reported as failed, and the next file is parsed
in a new child process.
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

_LIMIT_S = 30.0  # time limit for a file of at most _ORDINARY_BYTES
_BYTES_PER_S = 1_000_000  # a file larger than _ORDINARY_BYTES gets one extra second per additional megabyte
_ORDINARY_BYTES = 20_000_000
_CHILD = "rag.sources.parser_child"


class Parser:
    """Parses files. Safe to share between threads. Must be closed after use.

    Args:
        limit_s: Time limit in seconds for a file of ordinary size. With OCR, each page restarts the countdown.
        ocr: Whether to recognise the text on scanned pages.
    """

    def __init__(self, limit_s: float = _LIMIT_S, *, ocr: bool = False) -> None:
        self._limit_s = limit_s
        self._options = ["--ocr"] if ocr else []
        self._child: SupervisedChild | None = None
        self._closed = False
        self._lock = threading.Lock()  # held while a request is being answered

    def parse(self, data: bytes, name: str) -> ParsedFile:
        """Returns a file's documents.

        Raises:
            ReadError: The file has no text that rag can read, or parsing took too much time or memory.
            RagError: The parser was closed before it finished; the file itself may be fine.
        """
        if not data or data.isspace() or is_plain_text(data, name):
            return parse(data, name)
        return _decoded(self._request({"name": name}, data))

    def picture(self, data: bytes, anchors: Sequence[Anchor], page: int, spans: Sequence[tuple[int, int]]) -> bytes:
        """Draws a PDF page as a PNG image and highlights the given spans; see `rag.sources.parsers.pdf.picture`.

        Raises:
            ReadError: The page cannot be drawn, or drawing took too much time or memory.
            RagError: The parser was closed before the page was drawn.
        """
        page_starts = [(anchor.start, anchor.page) for anchor in anchors]
        return self._request({"page": page, "spans": list(spans), "anchors": page_starts}, data).payload

    def close(self) -> None:
        """Ends the child process, even while it is parsing."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()  # called without holding the lock, because another thread may hold it until the child ends
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
                self._end_child()  # otherwise, the child would keep the memory that it allocated
        if "error" in reply.message:
            raise ReadError(str(reply.message["error"]), str(reply.message["hint"]))
        return reply

    def _translated(self, error: ChildTimeoutError | ChildCrashError) -> RagError:
        if self._closed:
            return RagError("parsing was stopped")
        if isinstance(error, ChildTimeoutError):
            return ReadError(
                f"parsing it took more than {error.limit_s:.0f} s", "split it into smaller files, or save it as plain text"
            )
        return ReadError(
            "its parser crashed or ran out of memory",
            "open it in the application that created it and save it again, or save it as plain text",
        )

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
    """Packs documents into one message for the pipe, with their fields as JSON and their texts as the payload."""
    # Each lone surrogate, which JSON allows but UTF-8 does not, becomes a question mark. The length stays the same.
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
