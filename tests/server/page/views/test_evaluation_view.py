"""The list of runs and the progress of one; whole runs are tested with the Evaluate tab."""

from __future__ import annotations

from rag.index.records import RunInfo
from rag.server.page.views import evaluation_view


def test_runs_to_choose_from() -> None:
    """Labelled by number, set, time and share of correct answers; runs without answers are left out."""
    values = {"made": "2026-01-02T03:04:05", "set_name": "mine", "set_sha256": "", "settings": {}, "questions": 3}
    runs = [
        RunInfo(number=number, figures={"right": right}, whole=whole, **values)
        for number, right, whole in ((3, 0.5, True), (2, None, True), (1, 1.0, False))
    ]
    labels = [("3 · mine · 2026-01-02 03:04 · correct: 0.500", 3), ("2 · mine · 2026-01-02 03:04 · correct: —", 2)]

    assert labels == evaluation_view.run_choices(runs)


def test_progress_of_a_run() -> None:
    """Answered questions of all."""
    assert '<p class="about">1 of 3 questions answered…</p>' == evaluation_view.progress_markup(1, 3)
    assert '<p class="about">0 of 1 question answered…</p>' == evaluation_view.progress_markup(0, 1)
