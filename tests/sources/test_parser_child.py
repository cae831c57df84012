"""The process that parses: replies, refusals, and its memory limit."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from rag.child_process import ChildCrashError, SupervisedChild

from ..making import pdf, zipped

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def child() -> Iterator[SupervisedChild]:
    started = SupervisedChild.start("rag.sources.parser_child")
    yield started
    started.end()


def test_documents_are_sent_back(child: SupervisedChild) -> None:
    reply = child.request({"name": "a.json", "charset": "", "limit_s": 30}, b'{"note": "copper"}', limit_s=30)

    assert b"note: copper" == reply.payload
    assert [12] == [document["bytes"] for document in reply.message["documents"]]


def test_a_refusal_has_a_hint(child: SupervisedChild) -> None:
    reply = child.request({"name": "a.json", "charset": "", "limit_s": 30}, b"[1,", limit_s=30).message

    assert "not valid JSON" in reply["error"]
    assert reply["hint"]


def test_a_page_is_drawn(child: SupervisedChild) -> None:
    data = pdf([[(60, 700, "The ferry sails at night.")]])
    reply = child.request({"page": 1, "limit_s": 30, "spans": [[0, 9]], "anchors": [[0, 1]]}, data, limit_s=30)

    assert reply.payload.startswith(b"\x89PNG")


def test_memory_is_limited(child: SupervisedChild) -> None:
    """A file of a few kB that unpacks to a tree of many GB is refused."""
    data = zipped({"word/document.xml": "<a>" + "<b/>" * 12_000_000 + "</a>"})
    reply = child.request({"name": "x.docx", "charset": "", "limit_s": 60}, data, limit_s=60).message

    assert reply["memory"]


def test_processor_time_is_limited() -> None:
    """For each request, however much the process has used before; a process that waits uses none."""
    child = SupervisedChild.start("rag.sources.parser_child")
    slow = b"<a>" + b"<b>x</b>" * 2_400_000 + b"</a>"
    for _ in range(2):
        child.request({"name": "a.json", "charset": "", "limit_s": 1}, b"[1]", limit_s=30)
        time.sleep(0.6)
    with pytest.raises(ChildCrashError) as raised:
        child.request({"name": "a.xml", "charset": "", "limit_s": 1}, slow, limit_s=60)

    assert -signal.SIGXCPU == raised.value.returncode
    child.end()


def test_text_in_a_declared_encoding(child: SupervisedChild) -> None:
    reply = child.request({"name": "a.txt", "charset": "koi8-r", "limit_s": 30}, "море".encode("koi8-r"), limit_s=30)

    assert "море".encode() == reply.payload
