"""Reading as the rest of rag sees it: files that could break a reader are read in a child process, with limits.

A file that makes a reader crash, loop or eat memory costs its own line in the report; the next one gets a new child.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from rag.child_process import receive, send
from rag.errors import RagError, ReadError
from rag.records import Anchor, Document, Failure
from rag.sources.decoding.file_type import is_harmless
from rag.sources.parsers import contents
from rag.sources.records import ParsedFile

_LIMIT_S = 30.0  # for a file of ordinary size
_BYTES_A_SECOND = 1_000_000  # what a large one is given beyond it
_ORDINARY_BYTES = 20_000_000


class Parser:
    """Reads files. Safe to share between threads; close it when done.

    Args:
        limit_s: How long one file of ordinary size may take, seconds; where pages are recognised, each of them.
        ocr: Whether pages that are pictures are recognised.
    """

    def __init__(self, limit_s: float = _LIMIT_S, *, ocr: bool = False) -> None:
        self._limit_s = limit_s
        self._ocr = ocr
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._speaking = threading.Lock()

    def parse(self, data: bytes, name: str) -> ParsedFile:
        """A file's documents.

        Raises:
            ReadError: It holds no text that rag can read, or reading it took too much time or memory.
            RagError: The reader was closed meanwhile; of the file that says nothing.
        """
        if not data or data.isspace() or is_harmless(data, name):
            return contents(data, name)
        return _received(*self._exchanged({"name": name}, data))

    def picture(self, data: bytes, anchors: Sequence[Anchor], page: int, spans: Sequence[tuple[int, int]]) -> bytes:
        """A page of a PDF as a PNG, with the lines of some spans marked; see `rag.sources.parsers.pdf.picture`.

        Raises:
            ReadError: It cannot be drawn, or drawing it took too much time or memory.
            RagError: The reader was closed meanwhile.
        """
        marks = [(mark.start, mark.page) for mark in anchors]
        return self._exchanged({"page": page, "spans": list(spans), "anchors": marks}, data)[1]

    def close(self) -> None:
        """Ends the child, whatever it is reading."""
        self._closed = True
        child = self._child
        if child is not None:
            child.kill()  # who waits for it lets go of it then
        with self._speaking:
            self._end()

    def _exchanged(self, asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        """What the child answers."""
        limit_s = self._limit_s + max(0, len(data) - _ORDINARY_BYTES) / _BYTES_A_SECOND
        with self._speaking:
            child = self._started()
            begun = time.monotonic()
            try:
                with _ended_after(limit_s, child):
                    send(_pipe(child.stdin), asked, data)
                    frame = receive(_pipe(child.stdout))
                while frame is not None and "busy" in frame[0]:  # a page was recognised; the next one has as long
                    begun = time.monotonic()
                    with _ended_after(limit_s, child):
                        frame = receive(_pipe(child.stdout))
            except (OSError, ValueError):
                frame = None
            if frame is None:
                self._end()
                if self._closed:
                    raise RagError("reading was ended")
                if time.monotonic() - begun >= limit_s:
                    raise ReadError(f"reading it took more than {limit_s:.0f} s", "save it again, or in parts, or as text")
                raise ReadError("its reader broke down on it (too much memory, or a crash)", "save it again, or as text")
            if len(data) > _ORDINARY_BYTES:
                self._end()  # it keeps what memory it once took
        if "error" in frame[0]:
            raise ReadError(str(frame[0]["error"]), str(frame[0]["hint"]))
        return frame

    def _started(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise RagError("reading was ended")
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                # -P: nothing of the folder we happen to stand in is imported.
                [sys.executable, "-P", "-m", "rag.sources.parser_child", *(["--ocr"] if self._ocr else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@contextlib.contextmanager
def _ended_after(limit_s: float, child: subprocess.Popen[bytes]) -> Iterator[None]:
    ended = threading.Timer(limit_s, child.kill)
    ended.daemon = True
    ended.start()
    try:
        yield
    finally:
        ended.cancel()


def sent(found: ParsedFile) -> tuple[dict[str, Any], bytes]:
    """Documents as a frame: their facts as JSON, their texts behind it."""
    # A lone surrogate, which JSON can spell and nothing can store, becomes a question mark: lengths stay.
    texts = [document.text.encode("utf-8", "replace") for document in found.documents]
    facts = [
        {
            "title": _clean(d.title), "author": _clean(d.author), "date": d.date, "media_type": d.media_type,
            "metadata": {key: _clean(value) for key, value in d.metadata.items()}, "source": _clean(d.source),
            "content_hash": d.content_hash, "bytes": len(text),
            "anchors": [[m.start, _clean(m.name), m.page, m.counts, m.first] for m in d.anchors],
        }
        for d, text in zip(found.documents, texts, strict=True)
    ]  # fmt: skip
    failed = [[_clean(one.source), one.error, one.hint] for one in found.failed]
    return {"documents": facts, "failed": failed}, b"".join(texts)


def _clean(words: str) -> str:
    return words.encode("utf-8", "replace").decode()


def _received(message: dict[str, Any], texts: bytes) -> ParsedFile:
    documents, at = [], 0
    for facts in message["documents"]:
        size = facts.pop("bytes")
        text = texts[at : at + size].decode("utf-8")
        at += size
        anchors = tuple(Anchor(*mark) for mark in facts.pop("anchors"))
        documents.append(Document(text=text, anchors=anchors, **facts))
    return ParsedFile(tuple(documents), tuple(Failure(*one) for one in message["failed"]))


def _pipe(pipe: Any) -> BinaryIO:
    if pipe is None:
        raise ValueError
    return pipe  # type: ignore[no-any-return]
