"""Passages: found by their terms, read with their text, seen only when they are visible."""

from __future__ import annotations

from rag.index.catalog import Catalog
from rag.index.records import NewPassage
from rag.records import Passage

from ..samples import add, stage


def test_passages_are_found_by_their_terms(catalog: Catalog) -> None:
    """The passage that has the term more often comes first; a filter restricts the documents."""
    _, (a,) = add(catalog, "a", "river stone stone.", axes=[0])
    second, (b,) = add(catalog, "b", "river river stone.", axes=[1])

    assert [b, a] == catalog.passages.by_terms(["river"], 10, None)
    assert [a, b] == catalog.passages.by_terms(["stone"], 10, None)
    assert [b] == catalog.passages.by_terms(["river"], 1, None)
    assert [b] == catalog.passages.by_terms(["stone"], 10, [second])
    assert [] == catalog.passages.by_terms([], 10, None)


def test_terms_are_never_commands(catalog: Catalog) -> None:
    """FTS5's own words are words like any other."""
    _, (a,) = add(catalog, "a", "near and not.", axes=[0])

    assert [a] == catalog.passages.by_terms(["near", "not"], 10, None)


def test_frequencies_and_totals_are_counted(catalog: Catalog) -> None:
    """How many passages have a term; how many passages and terms there are."""
    add(catalog, "a", "river river.", "river stone.", axes=[0, 1])

    assert {"river": 2, "stone": 1, "sea": 0} == catalog.passages.document_frequency(["river", "stone", "sea"])
    assert (2, 4) == catalog.passages.totals()


def test_passages_are_read_in_the_order_asked_for(catalog: Catalog) -> None:
    """With their text; ids that are not visible are left out."""
    document_id, (a, b) = add(catalog, "a", "One here.", "Two there.", axes=[0, 1])
    _, (hidden,) = stage(catalog, "b", "Not yet.")

    found = catalog.passages.get([b, hidden, a, 99])

    assert [(b, "Two there.", "a", Passage(10, 20)), (a, "One here.", "a", Passage(0, 9))] == [
        (one.id, one.text, one.source, one.passage) for one in found
    ]
    assert [b, a] == catalog.passages.visible([b, hidden, a, 99])
    assert {f"{document_id}:0": a} == catalog.passages.visible_keys([f"{document_id}:0", "unknown"])
    assert [(b, 10, 20)] == catalog.passages.overlapping(document_id, 9, 11)


def test_passages_without_vectors_are_listed_oldest_first(catalog: Catalog) -> None:
    """Those of staged revisions are not ready."""
    _, ids = add(catalog, "a", "One.", "Two.", "Three.")
    stage(catalog, "b", "Not yet.")

    assert [(id_, "a") for id_ in ids[:2]] == [(one.id, one.source) for one in catalog.passages.waiting(2)]


def test_nothing_is_stored_of_a_removed_document(catalog: Catalog) -> None:
    """Its revision died while it was being embedded."""
    document_id, _ = stage(catalog, "a", "One.")
    catalog.documents.discard(document_id)

    assert [] == catalog.passages.add(document_id, [NewPassage(Passage(0, 4), "key", "one")], 1)


def test_invisible_matches_hide_no_visible_one(catalog: Catalog) -> None:
    """However many passages of a revision that is still being stored fit better."""
    _, (visible,) = add(catalog, "old", "Much of many things and once of the zeppelin.", axes=[0])
    staged, _ = stage(catalog, "new", "x")
    new = [NewPassage(Passage(0, 1), f"key{n}", "zeppelin zeppelin") for n in range(300)]
    catalog.passages.add(staged, new, catalog.versions.current().id)

    assert [visible] == catalog.passages.by_terms(["zeppelin"], 10, None)
