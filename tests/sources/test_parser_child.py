"""The process that parses: replies, refusals, and its memory limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rag.child_process import SupervisedChild

from ..making import pdf, zipped

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def child() -> Iterator[SupervisedChild]:
    started = SupervisedChild.start("rag.sources.parser_child")
    yield started
    started.end()


def test_documents_are_sent_back(child: SupervisedChild) -> None:
    reply = child.request({"name": "a.json"}, b'{"note": "copper"}', limit_s=30)

    assert b"note: copper" == reply.payload
    assert [12] == [document["bytes"] for document in reply.message["documents"]]


def test_a_refusal_has_a_hint(child: SupervisedChild) -> None:
    reply = child.request({"name": "a.json"}, b"[1,", limit_s=30).message

    assert "not valid JSON" in reply["error"]
    assert reply["hint"]


def test_a_page_is_drawn(child: SupervisedChild) -> None:
    data = pdf([[(60, 700, "The ferry sails at night.")]])
    reply = child.request({"page": 1, "spans": [[0, 9]], "anchors": [[0, 1]]}, data, limit_s=30)

    assert reply.payload.startswith(b"\x89PNG")


def test_memory_is_limited(child: SupervisedChild) -> None:
    """A file of a few kB that unpacks to a tree of many GB is refused."""
    data = zipped({"word/document.xml": "<a>" + "<b/>" * 12_000_000 + "</a>"})
    reply = child.request({"name": "x.docx"}, data, limit_s=60).message

    assert "memory" in reply["error"]
