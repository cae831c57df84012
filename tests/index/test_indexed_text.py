"""What the index sees of a passage: embedded text, terms, key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag import Document
from rag.index.indexed_text import embedded_text, new_passages
from rag.records import Passage

TEXT = "It flows. The end."
DOCUMENT = Document(TEXT, "Rivers", content_hash="ab")
FIRST = Passage(0, 9)


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("Rivers", "Danube", "Rivers\nDanube\nIt flows."),
        ("", "", "It flows."),
        ("x" * 300, "", "x" * 240 + "\nIt flows."),  # the beginning of a long title
        ("", "y" * 300 + "z", "y" * 239 + "z\nIt flows."),  # the end of a long path of headings
    ],
)
def test_title_and_headings_are_embedded_with_a_passage(title: str, heading: str, expected: str) -> None:
    """The first 240 characters of a title, the last 240 of the headings."""
    assert expected == embedded_text(title, heading, "It flows.")


def test_terms_are_those_of_title_headings_and_text() -> None:
    """Stems, in that order, function words left out."""
    passages = [
        (Passage(0, 9, "Danube › Length"), "It flows."),
        (Passage(10, 18, "Danube › Length"), "The end."),
        (Passage(10, 18), "The end."),
    ]
    found = list(new_passages(1, 1, DOCUMENT, "mini", passages))

    assert ["river danub length flow", "river danub length end", "river end"] == [one.terms for one in found]
    assert [passage for passage, _ in passages] == [one.passage for one in found]


def test_a_key_is_of_one_passage_of_one_revision_in_one_version() -> None:
    """The same again for the same; another if anything differs."""

    def key(document_id=1, version=1, document=DOCUMENT, embedder="mini", passage=FIRST) -> str:
        (found,) = new_passages(document_id, version, document, embedder, [(passage, TEXT[passage.start : passage.end])])
        return found.key

    keys = [
        key(),
        key(document_id=2),
        key(version=2),
        key(document=replace(DOCUMENT, content_hash="cd")),
        key(embedder="other"),
        key(passage=Passage(0, 8)),
        key(passage=Passage(1, 9)),
    ]
    assert key() == keys[0]
    assert 7 == len(set(keys))
    assert {32} == {len(one) for one in keys}
