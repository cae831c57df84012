"""Parses files in a child process with limits on time and memory, because a file may crash a parser.

No other process looks at a file's content. If a file makes the child crash, loop or exhaust its memory, it is parsed once
more in a new child. If that one fails in the same way, the file is at fault. A child that was killed from outside, or that
a busy machine kept waiting, says nothing about the file; it is read again at the next sync.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

from rag.child_process import ChildCrashError, ChildTimeoutError, Frame, SupervisedChild
from rag.errors import InterruptedReadError, RagError, ReadError
from rag.records import Anchor, Block, Document, Failure
from rag.sources.records import ParsedFile

_LIMIT_S = 30.0  # limit on processor time for a file of at most _ORDINARY_BYTES
_WAITS = 4  # on a busy machine, a request may take this many times its limit on processor time
_BYTES_PER_S = 1_000_000  # a file larger than _ORDINARY_BYTES gets one extra second per additional megabyte
_ORDINARY_BYTES = 20_000_000
_CHILD = "rag.sources.parser_child"
LIMITS_PROCESSOR_TIME = sys.platform != "win32"  # Windows cannot, so the time on the clock counts there
_OUT_OF_TIME, _KILLED = -24, -9  # the exit codes of a child that the signals SIGXCPU and SIGKILL ended
_SMALLER = "split it into smaller files, or save it as plain text"
_AGAIN = "the next sync tries again"


class Parser:
    """Parses files. Safe to share between threads. Must be closed after use.

    Args:
        limit_s: Limit on processor time in seconds for a file of ordinary size. With OCR, each page restarts the countdown.
        ocr: Whether to recognise the text on scanned pages.
    """

    def __init__(self, limit_s: float = _LIMIT_S, *, ocr: bool = False) -> None:
        self._limit_s = limit_s
        self._options = ["--ocr"] if ocr else []
        self._child: SupervisedChild | None = None
        self._closed = False
        self._interrupts = 0  # number of calls of `interrupt`
        self._lock = threading.Lock()  # held while a request is being answered

    def parse(self, data: bytes, name: str, charset: str = "") -> ParsedFile:
        """Returns a file's documents.

        Args:
            data: The file's complete content.
            name: The file's name.
            charset: The encoding that a web server declared for text; empty if unknown.

        Raises:
            InterruptedReadError: The child was killed from outside, or did not get enough processor time.
            ReadError: The file has no text that rag can read, or parsing took too much time or memory.
            RagError: The parser was closed or interrupted before it finished; the file itself may be fine.
        """
        return _decoded(self._request({"name": name, "charset": charset}, data))

    def picture(self, data: bytes, anchors: Sequence[Anchor], page: int, spans: Sequence[tuple[int, int]]) -> bytes:
        """Draws a PDF page as a PNG image and highlights the given spans; see `rag.sources.parsers.pdf.picture`.

        Raises:
            InterruptedReadError: The child was killed from outside, or did not get enough processor time.
            ReadError: The page cannot be drawn, or drawing took too much time or memory.
            RagError: The parser was closed or interrupted before the page was drawn.
        """
        page_starts = [(anchor.start, anchor.page) for anchor in anchors]
        return self._request({"page": page, "spans": list(spans), "anchors": page_starts}, data).payload

    def interrupt(self) -> None:
        """Makes a request that another thread is waiting for end at once. Later requests are not affected."""
        # The lock is not taken, because the other thread holds it until the child ends.
        self._interrupts += 1
        child = self._child
        if child is not None:
            child.kill()

    def close(self) -> None:
        """Ends the child process, even while it is parsing."""
        self._closed = True
        self.interrupt()
        with self._lock:
            self._end_child()

    def _request(self, message: dict[str, Any], data: bytes) -> Frame:
        before = self._interrupts
        with self._lock:
            try:
                return self._attempt(message, data, before)
            except _BrokenError as first:
                if first.is_memory:
                    self._end_child()  # its memory may have been used up by earlier files
            try:
                return self._attempt(message, data, before)
            except _BrokenError as second:
                raise second.for_user() from None

    def _attempt(self, message: dict[str, Any], data: bytes, interrupts: int) -> Frame:
        """Sends a request to the child, and starts a child if there is none."""
        limit_s = self._limit_s + max(0, len(data) - _ORDINARY_BYTES) / _BYTES_PER_S
        try:
            child = self._running_child()
            reply = child.request(
                {**message, "limit_s": limit_s}, data, limit_s=limit_s * (_WAITS if LIMITS_PROCESSOR_TIME else 1)
            )
        except (ChildTimeoutError, ChildCrashError) as error:
            if self._closed or self._interrupts != interrupts:
                raise RagError("parsing was stopped") from None
            raise _BrokenError(error, limit_s) from None
        except OSError as error:  # the child cannot be started, for example because too many files are open
            raise InterruptedReadError(f"its parser could not be started ({error.strerror})", _AGAIN) from None
        if len(data) > _ORDINARY_BYTES:
            self._end_child()  # otherwise, the child would keep the memory that it allocated
        if "error" in reply.message:
            if reply.message.get("memory"):
                raise _BrokenError(None, limit_s)
            raise ReadError(str(reply.message["error"]), str(reply.message["hint"]))
        return reply

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


class _BrokenError(Exception):
    """A file, or something outside, broke the child.

    Args:
        error: What became of the child; None if it ran out of the memory that it is allowed.
        limit_s: The limit on processor time, in seconds.
    """

    def __init__(self, error: ChildTimeoutError | ChildCrashError | None, limit_s: float) -> None:
        self._error = error
        self._limit_s = limit_s

    @property
    def is_memory(self) -> bool:
        """Whether the child ran out of the memory that it is allowed."""
        return self._error is None

    def for_user(self) -> ReadError:
        """Returns the error to report after a second failure."""
        if self._error is None:
            return ReadError("parsing it takes too much memory", _SMALLER)
        returncode = self._error.returncode if isinstance(self._error, ChildCrashError) else 0
        if returncode == _OUT_OF_TIME or (isinstance(self._error, ChildTimeoutError) and not LIMITS_PROCESSOR_TIME):
            of = " of processor time" if LIMITS_PROCESSOR_TIME else ""
            return ReadError(f"parsing it took more than {self._limit_s:.0f} s{of}", _SMALLER)
        if isinstance(self._error, ChildTimeoutError):
            return InterruptedReadError("the machine was too busy to parse it", _AGAIN)
        if returncode == _KILLED:
            return InterruptedReadError("its parser was killed, perhaps because the machine ran out of memory", _AGAIN)
        return ReadError(
            "its parser crashed twice",
            "open it in the application that created it and save it again, or save it as plain text",
        )


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
            "blocks": [[b.kind, b.start, b.end, b.level, _clean(b.number), b.label_end] for b in document.blocks],
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
        blocks = tuple(Block(*block) for block in fields.pop("blocks"))
        documents.append(Document(text=text, anchors=anchors, blocks=blocks, **fields))
    return ParsedFile(tuple(documents), tuple(Failure(*failure) for failure in reply.message["failed"]))
