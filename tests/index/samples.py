"""Puts small documents into a catalog: every sentence a passage, every passage a vector along an axis of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rag import Document
from rag.index.catalog import Catalog
from rag.index.records import NewPassage
from rag.records import Passage

DIMENSION = 16
AXES: NDArray[np.float32] = np.eye(DIMENSION, dtype=np.float32)


def memory_root(catalog: Catalog) -> int:
    return catalog.files.root_id("memory", "")


def stage(catalog: Catalog, source: str, *sentences: str, content_hash: str = "") -> tuple[int, list[int]]:
    """Stages a revision of a document; returns its id and its passages' ids. Keys are "document id:number"."""
    text = " ".join(sentences)
    document = Document(text, source.title(), source=source, content_hash=content_hash or f"hash of {text}")
    document_id = catalog.documents.stage(memory_root(catalog), document)
    at, passages = 0, []
    for n, sentence in enumerate(sentences):
        terms = sentence.lower().strip(".")
        passages.append(NewPassage(Passage(at, at + len(sentence)), f"{document_id}:{n}", terms))
        at += len(sentence) + 1
    return document_id, catalog.passages.add(document_id, passages, catalog.versions.current().id)


def add(catalog: Catalog, source: str, *sentences: str, axes: list[int] | None = None) -> tuple[int, list[int]]:
    """Adds and publishes a document; returns its id and its passages' ids.

    Args:
        catalog: The catalog.
        source: The document's source.
        sentences: Its text.
        axes: Axis of each passage's vector; without it, the document waits for vectors.
    """
    document_id, passage_ids = stage(catalog, source, *sentences)
    if axes is not None:
        catalog.vectors.add(document_id, passage_ids, AXES[axes])
    catalog.documents.publish(document_id)
    return document_id, passage_ids
