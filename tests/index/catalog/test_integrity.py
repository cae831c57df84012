"""Tables that do not agree with each other are reported."""

from __future__ import annotations

import pytest

from rag.index.catalog import Catalog

from ..samples import add


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE passages SET document_id = 9", "2 passages without a document"),
        ("UPDATE passages SET edition = 9 WHERE id = 1", "1 passages without an index version"),
        ("DELETE FROM words_1 WHERE rowid = 1", "1 passages without terms"),
        ("INSERT INTO words_1 (rowid, terms) VALUES (9, 'x')", "1 terms without a passage"),
        ("INSERT INTO vectors VALUES (9, x'00')", "1 vectors without a passage"),
        ("UPDATE texts SET document_id = 9", "1 texts without a document"),
        ("UPDATE documents SET characters = 1", "1 documents with incomplete text"),
        ("DELETE FROM vectors WHERE passage_id = 1", "1 documents with a wrong count of waiting passages"),
        ("UPDATE editions SET passages = 3", "1 index versions with a wrong count of passages"),
    ],
)
def test_each_disagreement_is_named(catalog: Catalog, damage: str, problem: str) -> None:
    """With how many rows it concerns."""
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    assert [] == catalog.problems()

    catalog._db.run(damage)

    assert problem in catalog.problems()


def test_a_text_with_a_nul_is_complete(catalog: Catalog) -> None:
    """SQLite's length() stops at the NUL."""
    add(catalog, "a", "One\0two.", axes=[0])

    assert [] == catalog.problems()
