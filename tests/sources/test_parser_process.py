"""Parsing in a child process: replies, limits, and the end of the child."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from rag.errors import RagError, ReadError
from rag.records import Anchor, Document, Failure
from rag.sources import parser_process
from rag.sources.parser_process import Parser, _decoded, encode_reply
from rag.sources.records import ParsedFile


@pytest.mark.process
def test_ctrl_c_while_a_file_is_read(tmp_path: Path) -> None:
    """Ends at once; the file is not held to be unreadable, but read next time."""
    parser = Parser()
    good = json.dumps({"note": "the kettle is copper"}).encode()
    parser.parse(good, "a.json")
    child = parser._child
    assert child is not None
    os.kill(child.pid, signal.SIGSTOP)
    threading.Timer(0.3, parser.close).start()
    begun = time.monotonic()
    with pytest.raises(RagError) as raised:
        parser.parse(good, "b.json")

    assert not isinstance(raised.value, ReadError)
    assert time.monotonic() - begun < 5


def test_documents_survive_the_way_through_the_pipe() -> None:
    """All fields of each; a lone surrogate, which cannot be stored, becomes a question mark."""
    first = Document(
        "Tée\ud800!",
        title="T",
        author="A",
        date="2024-01-02",
        anchors=(Anchor(0, "p. 1", 1), Anchor(2, counts="row", first=7)),
        media_type="text/x",
        metadata={"k": "v"},
        source="a/b",
        content_hash="ff",
    )
    sent = ParsedFile((first, Document("two", title="U")), (Failure("a/c", "it is damaged", "save it again"),))
    reply = encode_reply(sent)
    received = _decoded(reply._replace(message=json.loads(json.dumps(reply.message))))

    assert ("Tée?!", first.anchors, "a/b") == (received.documents[0].text, received.documents[0].anchors, "a/b")
    assert (first.metadata, first.content_hash, first.date) == (
        received.documents[0].metadata,
        received.documents[0].content_hash,
        received.documents[0].date,
    )
    assert ("two", "U") == (received.documents[1].text, received.documents[1].title)
    assert sent.failed == received.failed


def test_plain_text_needs_no_child() -> None:
    parser = Parser()

    assert "words" == parser.parse(b"words", "a.txt").documents[0].text
    assert parser._child is None


@pytest.mark.process
def test_a_file_that_is_refused_does_not_end_the_child() -> None:
    parser = Parser()
    with pytest.raises(ReadError, match="not valid JSON") as raised:
        parser.parse(b"[1,", "a.json")
    child = parser._child
    assert parser.parse(b"[1, 2]", "a.json").documents[0].text

    assert "fix it" in raised.value.hint
    assert child is not None
    assert child is parser._child
    parser.close()


@pytest.mark.process
def test_the_child_ends_after_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep the memory that it took."""
    monkeypatch.setattr(parser_process, "_ORDINARY_BYTES", 10)
    parser = Parser()
    parser.parse(b'{"note": "the kettle is copper"}', "a.json")

    assert parser._child is None
    parser.close()


def test_a_closed_parser_parses_nothing() -> None:
    parser = Parser()
    parser.close()
    with pytest.raises(RagError, match="stopped"):
        parser.parse(b"{}", "a.json")
