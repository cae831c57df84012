"""Evaluations as the catalog keeps them, and the threshold that was fitted by one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rag.index.catalog.connection import Connections
from rag.index.records import RunInfo

if TYPE_CHECKING:
    from rag.evaluation.records import RunJSON


class Runs:
    """The evaluating part of the catalog."""

    _db: Connections

    def keep_run(self, run: RunJSON) -> int:
        """Keeps a run; returns its number."""
        data = zlib.compress(json.dumps(run, ensure_ascii=False).encode())
        cited = {citation["source"] for row in run["questions"] for citation in row["citations"]}
        cited |= {gold["source"] for row in run["questions"] for gold in row["gold"]}
        with self._db.transaction():
            self._db.run(
                "INSERT INTO runs (made, set_name, set_hash, settings, figures, questions, data)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (run["made"], run["set"]["name"], run["set"]["sha256"], json.dumps(run["settings"]),
                 json.dumps(run["figures"]), len(run["questions"]), data),
            )  # fmt: skip
            number = int(self._db.query("SELECT max(id) FROM runs")[0][0])
            self._db.run_many("INSERT INTO run_sources VALUES (?, ?)", [(number, source) for source in sorted(cited)])
        return number

    def runs(self) -> list[RunInfo]:
        """All runs, the newest first."""
        rows = self._db.query(
            "SELECT id, made, set_name, set_hash, settings, figures, questions, data IS NOT NULL FROM runs ORDER BY id DESC"
        )
        return [
            RunInfo(number, made, name, digest, json.loads(settings), json.loads(figures), questions, bool(whole))
            for number, made, name, digest, settings, figures, questions, whole in rows
        ]

    def run_data(self, number: int) -> bytes | None:
        """A run's JSON; None if there is no such run, or a document that it quotes was removed."""
        rows = self._db.query("SELECT data FROM runs WHERE id = ?", (number,))
        return zlib.decompress(rows[0][0]) if rows and rows[0][0] is not None else None

    def drop_run(self, number: int) -> bool:
        """Forgets a run; says whether there was one."""
        with self._db.transaction():
            there = bool(self._db.query("SELECT 1 FROM runs WHERE id = ?", (number,)))
            self._db.run("DELETE FROM run_sources WHERE run_id = ?", (number,))
            self._db.run("DELETE FROM runs WHERE id = ?", (number,))
        return there

    def forget_in_runs(self, sources: Iterable[str]) -> None:
        """Leaves of the runs that quote these documents their figures only."""
        with self._db.transaction():
            for source in sources:
                self._db.run(
                    "UPDATE runs SET data = NULL WHERE id IN (SELECT run_id FROM run_sources WHERE source = ?)", (source,)
                )
                self._db.run("DELETE FROM run_sources WHERE source = ?", (source,))
