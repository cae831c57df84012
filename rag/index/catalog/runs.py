"""Stores evaluation runs in the catalog as opaque records. Only `rag.evaluation` interprets their contents."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from rag.index.catalog.database.connections import Connections
from rag.index.records import RunInfo, StoredRun


class Runs:
    """The evaluation runs stored in one catalog."""

    def __init__(self, connections: Connections) -> None:
        self._db = connections

    def save(self, run: StoredRun) -> int:
        """Stores a run and returns its number."""
        with self._db.transaction():
            self._db.run(
                "INSERT INTO runs (made, set_name, set_hash, settings, figures, questions, data)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    run.made,
                    run.set_name,
                    run.set_sha256,
                    json.dumps(dict(run.settings)),
                    json.dumps(dict(run.figures)),
                    run.questions,
                    zlib.compress(run.data),
                ),
            )
            number = int(self._db.query("SELECT max(id) FROM runs")[0][0])
            self._db.run_many("INSERT INTO run_sources VALUES (?, ?)", [(number, source) for source in sorted(run.sources)])
        return number

    def infos(self) -> list[RunInfo]:
        """Returns all runs, newest first."""
        rows = self._db.query(
            "SELECT id, made, set_name, set_hash, settings, figures, questions, data IS NOT NULL FROM runs ORDER BY id DESC"
        )
        return [
            RunInfo(
                number=number,
                made=made,
                set_name=set_name,
                set_sha256=set_sha256,
                settings=json.loads(settings),
                figures=json.loads(figures),
                questions=questions,
                whole=bool(has_data),
            )
            for number, made, set_name, set_sha256, settings, figures, questions, has_data in rows
        ]

    def data(self, number: int) -> bytes | None:
        """Returns a run's `data`; None if there is no such run, or if a document quoted by the run was removed."""
        rows = self._db.query("SELECT data FROM runs WHERE id = ?", (number,))
        return zlib.decompress(rows[0][0]) if rows and rows[0][0] is not None else None

    def delete(self, number: int) -> bool:
        """Deletes a run. Returns False if there is no such run."""
        with self._db.transaction():
            exists = bool(self._db.query("SELECT 1 FROM runs WHERE id = ?", (number,)))
            self._db.run("DELETE FROM run_sources WHERE run_id = ?", (number,))
            self._db.run("DELETE FROM runs WHERE id = ?", (number,))
        return exists

    def strip_quoting(self, sources: Iterable[str]) -> None:
        """Deletes the `data` of every run that quotes one of these documents; the run's metrics are kept."""
        with self._db.transaction():
            for source in sources:
                self._db.run(
                    "UPDATE runs SET data = NULL WHERE id IN (SELECT run_id FROM run_sources WHERE source = ?)", (source,)
                )
                self._db.run("DELETE FROM run_sources WHERE source = ?", (source,))
