"""Revisions of documents: staged, published, replaced, hidden; and what can be asked about the live ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag import Document, Filter
from rag.errors import SourceError
from rag.index.catalog import Catalog
from rag.index.catalog.documents import BLOCK
from rag.records import Anchor, Block

from ..samples import AXES, add, memory_root, stage

NOTE = Document(
    text="First page. Second page.",
    title="Note",
    author="Ann",
    date="2024-05",
    anchors=(Anchor(0, "p. 1", 1), Anchor(12, "p. 2", 2)),
    metadata={"topic": "water", "language": "en"},
    source="note.txt",
    content_hash="ab",
    blocks=(Block("list", 0, 24), Block("lead-in", 0, 11), Block("item", 12, 24, level=1, number="(a)", label_end=18)),
)


def _publish(catalog: Catalog, document: Document) -> int:
    document_id = catalog.documents.stage(memory_root(catalog), document)
    catalog.documents.publish(document_id)
    return document_id


def test_a_document_is_read_back_as_it_was_stored(catalog: Catalog) -> None:
    """Text, anchors, blocks and metadata."""
    document_id = _publish(catalog, NOTE)

    assert NOTE == catalog.documents.get(document_id)
    assert document_id == catalog.documents.find("note.txt")
    assert "ab" == catalog.documents.content_hash(document_id)
    assert {document_id: "en"} == catalog.documents.languages([document_id])
    assert [(1, "p. 1"), (2, "p. 2")] == [catalog.documents.locate(document_id, at) for at in (11, 12)]


def test_blocks_with_the_same_span_keep_their_order(catalog: Catalog) -> None:
    """What contains others comes first."""
    blocks = tuple(Block(kind, 0, 5) for kind in ("message", "answer", "list", "item"))

    assert blocks == catalog.documents.get(_publish(catalog, replace(NOTE, blocks=blocks))).blocks


def test_a_document_read_by_another_version_is_updated(catalog: Catalog) -> None:
    """Only if its text and title are the same; what was fetched with it stays."""
    document_id = _publish(catalog, replace(NOTE, metadata={"url": "u", "topic": "old"}, blocks=(), author=""))
    assert [document_id] == [one.id for one in catalog.documents.outdated("3")]
    assert not catalog.documents.reparsed(document_id, replace(NOTE, text="Another text."), "3")
    assert not catalog.documents.reparsed(document_id, replace(NOTE, title="Another title"), "3")
    assert [document_id] == [one.id for one in catalog.documents.outdated("3")]

    assert catalog.documents.reparsed(document_id, NOTE, "3")
    assert replace(NOTE, metadata={**NOTE.metadata, "url": "u"}) == catalog.documents.get(document_id)
    assert [] == catalog.documents.outdated("3")


def test_a_long_text_is_read_in_part(catalog: Catalog) -> None:
    """Across the rows that it is stored in."""
    text = "".join(chr(ord("a") + n % 26) for n in range(2 * BLOCK + 100))
    document_id = _publish(catalog, replace(NOTE, text=text, anchors=()))

    for start, end in ((0, 5), (BLOCK - 3, BLOCK + 3), (2 * BLOCK, 2 * BLOCK + 100), (10, 10)):
        assert text[start:end] == catalog.documents.text(document_id, start, end)
    assert text == "".join(catalog.documents.text_blocks(document_id))


def test_a_changed_document_stays_until_the_new_one_has_vectors(catalog: Catalog) -> None:
    """Readers see the old revision or the new one, never both and never neither."""
    old, _ = add(catalog, "a", "Old.", axes=[0])
    new, passage_ids = stage(catalog, "a", "New.")
    assert catalog.documents.publish(new)
    assert [(old, "a")] == catalog.documents.live()
    assert [old, new] == [one.id for one in catalog.documents.revisions(memory_root(catalog))["a"]]

    catalog.vectors.add(new, passage_ids, AXES[:1])
    assert catalog.documents.publish(new)

    assert [(new, "a")] == catalog.documents.live()
    assert [new] == [one.id for one in catalog.documents.revisions(memory_root(catalog))["a"]]


def test_a_removed_document_cannot_be_published(catalog: Catalog) -> None:
    """Another process removed it while it was being stored."""
    document_id, _ = stage(catalog, "a", "One.")
    catalog.documents.hide([document_id])

    assert not catalog.documents.publish(document_id)
    with pytest.raises(SourceError, match="no longer in this index"):
        catalog.documents.get(document_id)
    assert catalog.documents.without_text(document_id) is None


def test_a_name_that_several_folders_have_needs_its_path(catalog: Catalog) -> None:
    """The hint lists the paths; a path finds its own document."""
    ids = {}
    for folder in ("/one", "/two"):
        ids[folder] = catalog.documents.stage(catalog.files.root_id("sync", folder), NOTE)
        catalog.documents.publish(ids[folder])

    with pytest.raises(SourceError, match="2 documents are called") as raised:
        catalog.documents.find("note.txt")
    assert str(Path("/two/note.txt")) in raised.value.hint
    assert ids["/two"] == catalog.documents.find(str(Path("/two/note.txt")))
    with pytest.raises(SourceError, match="no document 'unknown'"):
        catalog.documents.find("unknown")


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        (Filter(sources=("n*.txt",)), True),
        (Filter(sources=("*.md", "note.*")), True),
        (Filter(sources=("*.md",)), False),
        (Filter(since="2024-05-31"), True),  # a date known to the month passes if any of its days does
        (Filter(since="2024-06"), False),
        (Filter(until="2024"), True),
        (Filter(until="2024-04-30"), False),
        (Filter(metadata={"topic": "water", "author": "Ann"}), True),
        (Filter(metadata={"topic": "fire"}), False),
    ],
)
def test_a_filter_selects_documents(catalog: Catalog, filters: Filter, passes: bool) -> None:
    """By source, date and field; all conditions must hold."""
    document_id = _publish(catalog, NOTE)

    assert ([document_id] if passes else []) == catalog.documents.matching(filters)


def test_an_empty_filter_selects_all(catalog: Catalog) -> None:
    """None stands for no restriction."""
    assert catalog.documents.matching(Filter()) is None


def test_fields_are_counted(catalog: Catalog) -> None:
    """The most frequent first."""
    _publish(catalog, NOTE)
    _publish(catalog, replace(NOTE, source="b", metadata={"topic": "fire"}))

    assert [("author", "Ann", 2), ("language", "en", 1), ("topic", "fire", 1)] == catalog.documents.fields(3)


def test_openings_count_all_and_show_some(catalog: Catalog) -> None:
    """How the first documents begin, by source."""
    for source in ("c", "a", "b"):
        _publish(catalog, replace(NOTE, source=source))

    count, hits = catalog.documents.openings(None, 2, 5)

    assert (3, [("a", "First"), ("b", "First")]) == (count, [(hit.source, hit.text) for hit in hits])
    assert 1 == catalog.documents.openings([catalog.documents.find("c")], 2, 5)[0]
