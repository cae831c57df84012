"""Index versions: built beside the current one, switched to when complete, dropped."""

from __future__ import annotations

import pytest

from rag.errors import IndexDamagedError
from rag.index.catalog import Catalog, index_versions
from rag.index.records import NewPassage
from rag.records import Passage

from ..samples import AXES, add, stage


def _copy_passages(catalog: Catalog, version_id: int, document_id: int, *spans: tuple[int, int]) -> None:
    """Stores passages with vectors of a document in another version."""
    new = [NewPassage(Passage(*span), f"{version_id} {document_id}:{span}", "term") for span in spans]
    ids = catalog.passages.add(document_id, new, version_id)
    catalog.vectors.store(ids, AXES[: len(ids)])


def test_a_new_catalog_has_an_empty_current_version(catalog: Catalog) -> None:
    """It takes the names of the first embedder and splitter."""
    catalog.versions.name("mini", "sentences-200")
    version = catalog.versions.current()

    assert ("current", "mini", "sentences-200", 0, 0) == (
        version.state, version.embedder, version.splitter, version.passages, version.terms,
    )  # fmt: skip
    assert catalog.versions.other() is None


def test_a_version_is_switched_to_when_it_has_every_document(catalog: Catalog) -> None:
    """Until then, and for readers, the current one stays as it was."""
    first, _ = add(catalog, "a", "One two.", "Three.", axes=[0, 1])
    second, _ = add(catalog, "b", "Four.", axes=[2])
    former = catalog.versions.current()
    version = catalog.versions.begin("other", "words")
    assert [first, second] == catalog.versions.missing_documents(version)
    assert -1 == catalog.versions.last_start(version, first)

    _copy_passages(catalog, version.id, first, (0, 3), (4, 8))
    assert 4 == catalog.versions.last_start(version, first)
    catalog.versions.finish_document(version, first)
    assert [second] == catalog.versions.missing_documents(version)
    assert not catalog.versions.switch_to(version)
    assert former.id == catalog.versions.current().id

    _copy_passages(catalog, version.id, second, (0, 5))
    catalog.versions.finish_document(version, second)
    generation = catalog.meta.get("chroma_generation")
    assert catalog.versions.switch_to(version)

    assert (version.id, 3) == (catalog.versions.current().id, catalog.versions.current().passages)
    assert (former.id, "former") == (catalog.versions.other().id, catalog.versions.other().state)
    assert [] == catalog.versions.missing_documents(catalog.versions.other())
    assert generation != catalog.meta.get("chroma_generation")
    assert [] == catalog.problems()


def test_a_switch_publishes_what_waited_for_vectors(catalog: Catalog) -> None:
    """A changed document lacks vectors of the old version, but not of the new one."""
    old, _ = add(catalog, "a", "Old.", axes=[0])
    new, _ = stage(catalog, "a", "New.")
    catalog.documents.publish(new)
    assert [(old, "a")] == catalog.documents.live()

    version = catalog.versions.begin("other", "words")
    for document_id in (old, new):
        _copy_passages(catalog, version.id, document_id, (0, 4))
        catalog.versions.finish_document(version, document_id)
    catalog.versions.switch_to(version)

    assert [(new, "a")] == catalog.documents.live()


def test_a_dropped_version_leaves_no_row(catalog: Catalog) -> None:
    """Only the current version's passages, terms and vectors remain."""
    document_id, passage_ids = add(catalog, "a", "One.", axes=[0])
    version = catalog.versions.begin("other", "words")
    _copy_passages(catalog, version.id, document_id, (0, 2), (2, 4))

    catalog.versions.drop(version)

    assert catalog.versions.other() is None
    assert [(passage_ids[0],)] == catalog._db.query("SELECT id FROM passages")
    assert [(passage_ids[0],)] == catalog._db.query("SELECT passage_id FROM vectors")
    assert [] == catalog._db.query("SELECT 1 FROM sqlite_schema WHERE name LIKE '%words_2%' OR name = 'word_counts_2'")


def test_a_catalog_without_a_current_version_is_damaged(catalog: Catalog) -> None:
    """The error says what to do."""
    catalog._db.run("DELETE FROM editions")

    with pytest.raises(IndexDamagedError, match="no current index version") as raised:
        catalog.versions.current()
    assert "restore" in raised.value.hint


def test_a_version_whose_deletion_was_interrupted(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its remains are no problem, and the deletion can be repeated; it is not used as if it were complete."""
    first, _ = add(catalog, "a", "One two.", "Three.", axes=[0, 1])
    version = catalog.versions.begin("other", "words")
    _copy_passages(catalog, version.id, first, (0, 3), (4, 8))
    run_many, calls = catalog._db.run_many, []

    def interrupted(sql: str, values: object) -> None:
        calls.append(sql)
        if len(calls) > 2:
            raise KeyboardInterrupt
        run_many(sql, values)

    monkeypatch.setattr(index_versions, "_DROP_AT_ONCE", 1)
    monkeypatch.setattr(catalog._db, "run_many", interrupted)
    with pytest.raises(KeyboardInterrupt):
        catalog.versions.drop(version)
    monkeypatch.undo()

    assert [] == catalog.problems()
    assert "" == catalog.versions.other().embedder
    catalog.versions.drop(version)
    assert catalog.versions.other() is None
    assert [] == catalog.problems()
