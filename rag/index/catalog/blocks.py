"""Reads and writes the blocks table: the parts of each document, such as headings, lists and tables."""

from __future__ import annotations

from collections.abc import Iterable

from rag.index.catalog.database.connections import Connections
from rag.records import BLOCK_KINDS, Block

_INDEX = {kind: n for n, kind in enumerate(BLOCK_KINDS)}


class Blocks:
    """One catalog's blocks. Each method is atomic; `Catalog.transaction` groups several calls into one transaction."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def store(self, document_id: int, blocks: Iterable[Block]) -> None:
        """Stores the blocks of a revision in place of those that it had."""
        with self._db.transaction():
            self._db.run("DELETE FROM blocks WHERE document_id = ?", (document_id,))
            self._db.run_many(
                "INSERT OR REPLACE INTO blocks (document_id, start, kind, end, level, number, label_end)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((document_id, b.start, _INDEX[b.kind], b.end, b.level, b.number, b.label_end) for b in blocks),
            )

    def of(self, document_id: int) -> tuple[Block, ...]:
        """Returns a revision's blocks in order; a block precedes the blocks that it contains."""
        rows = self._db.query(
            "SELECT kind, start, end, level, number, label_end FROM blocks WHERE document_id = ?"
            " ORDER BY start, end DESC, kind",
            (document_id,),
        )
        return tuple(
            Block(BLOCK_KINDS[kind], start, end, level=level, number=number, label_end=label_end)
            for kind, start, end, level, number, label_end in rows
        )
