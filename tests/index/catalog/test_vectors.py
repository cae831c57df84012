"""Vectors of passages: stored, counted, read back, and checked for their dimension."""

from __future__ import annotations

import numpy as np
import pytest

from rag.errors import EmbedderError
from rag.index.catalog import Catalog

from ..samples import AXES, DIMENSION, add


def test_vectors_are_read_back_as_they_were_stored(catalog: Catalog) -> None:
    """By passage, by document, by id, and by the passage's text."""
    first, (a, b) = add(catalog, "a", "One.", "Two.", axes=[3, 5])
    second, (c,) = add(catalog, "b", "Three.", axes=[7])

    assert {a: 3, c: 7} == {id_: int(np.argmax(v)) for id_, v in catalog.vectors.of_passages([a, c, 99]).items()}
    ids, rows = catalog.vectors.of_documents([first])
    assert (sorted([a, b]), [3, 5]) == (sorted(ids), sorted(int(np.argmax(row)) for row in rows))
    assert {("", "One."): 3, ("", "Two."): 5} == {
        at: int(np.argmax(vector)) for at, vector in catalog.vectors.of_revision(first).items()
    }
    assert [(b, f"{first}:1", 5)] == [(id_, key, int(np.argmax(v))) for id_, key, v in catalog.vectors.after(a, 1)]
    assert {f"{first}:0", f"{first}:1", f"{second}:0"} == set(catalog.vectors.keys())


def test_passages_that_wait_are_not_counted(catalog: Catalog) -> None:
    """A vector for each of two passages; the third waits."""
    add(catalog, "a", "One.", "Two.", axes=[0, 1])
    add(catalog, "b", "Three.")

    assert 2 == catalog.vectors.count()
    assert (1, 1) == catalog.documents.waiting()


def test_vectors_of_removed_passages_are_dropped(catalog: Catalog) -> None:
    """They were embedded while another process removed the document."""
    _, (a,) = add(catalog, "a", "One.")
    catalog.vectors.store([99, a], AXES[:2])

    assert [(a,)] == catalog._db.query("SELECT passage_id FROM vectors")


def test_another_dimension_is_refused(catalog: Catalog) -> None:
    """The message names both; an index without vectors takes any."""
    catalog.vectors.check_dimension(np.ones((2, 5), np.float32))
    add(catalog, "a", "One.", axes=[0])
    catalog.vectors.check_dimension(np.ones((2, DIMENSION), np.float32))

    with pytest.raises(EmbedderError, match=f"5 dimensions, but those in the index have {DIMENSION}"):
        catalog.vectors.check_dimension(np.ones((2, 5), np.float32))
