"""Parsing in a child process: replies, limits, and the end of the child."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from rag import Library
from rag.errors import InterruptedReadError, RagError, ReadError
from rag.records import Anchor, Document, Failure
from rag.sources import parser_process
from rag.sources.parser_process import Parser, _decoded, encode_reply
from rag.sources.records import ParsedFile

from ..torture.world import OwnDirections


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


SLOW = b"<a>" + b"<b>x</b>" * 2_400_000 + b"</a>"  # takes seconds to parse
GOOD = b'{"note": "the kettle is copper"}'


def end_children(parser: Parser, how: signal.Signals, count: int) -> list[int]:
    """Ends the next children of a parser while they are at work; returns the list of their process ids, as it fills."""
    ended: list[int] = []

    def end() -> None:
        while len(ended) < count:
            child = parser._child
            if child is not None and child.is_alive() and child.pid not in ended:
                time.sleep(0.4)
                os.kill(child.pid, how)
                ended.append(child.pid)
            time.sleep(0.02)

    threading.Thread(target=end, daemon=True).start()
    return ended


@pytest.mark.process
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_ends_once_costs_a_retry(how: signal.Signals) -> None:
    parser = Parser()
    ended = end_children(parser, how, 1)

    assert "x" in parser.parse(SLOW, "a.xml").documents[0].text
    assert 1 == len(ended)
    parser.close()


@pytest.mark.process
def test_a_file_whose_parser_crashes_twice_is_at_fault() -> None:
    parser = Parser()
    end_children(parser, signal.SIGSEGV, 2)
    with pytest.raises(ReadError, match="crashed twice") as raised:
        parser.parse(SLOW, "a.xml")

    assert not raised.value.retryable
    assert parser.parse(GOOD, "a.json").documents
    parser.close()


@pytest.mark.process
def test_a_file_whose_parser_is_killed_is_not_at_fault() -> None:
    parser = Parser()
    end_children(parser, signal.SIGKILL, 2)
    with pytest.raises(InterruptedReadError, match="killed") as raised:
        parser.parse(SLOW, "a.xml")

    assert raised.value.retryable
    assert "next sync" in raised.value.hint
    parser.close()


@pytest.mark.process
def test_processor_time_is_the_files_fault_and_waiting_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_process, "_WAITS", 60)
    parser = Parser(limit_s=1)
    with pytest.raises(ReadError, match="processor time") as raised:
        parser.parse(SLOW, "a.xml")
    assert not raised.value.retryable

    monkeypatch.setattr(parser_process, "_WAITS", 1)
    ended = end_children(parser, signal.SIGSTOP, 2)
    with pytest.raises(InterruptedReadError, match="too busy"):
        parser.parse(SLOW[:4_000_003] + b"</a>", "a.xml")
    assert ended
    parser.close()


@pytest.mark.process
def test_an_interrupted_parser_can_be_used_again() -> None:
    parser = Parser()
    threading.Timer(0.5, parser.interrupt).start()
    begun = time.monotonic()
    with pytest.raises(RagError, match="stopped"):
        parser.parse(SLOW, "a.xml")
    assert time.monotonic() - begun < 1.5

    assert parser.parse(GOOD, "a.json").documents
    parser.close()


@pytest.mark.process
def test_killed_children_cost_no_file(tmp_path: Path) -> None:
    """Whatever is killed while a folder is synced, the sync or the next one reads every file."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.xml").write_bytes(b"<a>" + b"<b>the kettle is copper</b>" * 20_000 + b"</a>")
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.__dict__["_embedder"] = OwnDirections()
        stop = threading.Event()

        def kill() -> None:
            while not stop.wait(0.15):
                child = library._parser._child
                if child is not None and child.is_alive():
                    with contextlib.suppress(ProcessLookupError):  # it may just have ended
                        os.kill(child.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        first = library.sync(folder)
        stop.set()
        killer.join()
        assert {"the next sync tries again"} >= {failure.hint for failure in first.failed}
        second = library.sync(folder)

    assert () == second.failed
    assert 40 == first.added + second.added


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
