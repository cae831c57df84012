"""The JSON output of evaluations, where it differs from the records."""

from __future__ import annotations

from rag.evaluation.comparison import GateResult
from rag.evaluation.judge import PROMPT_VERSION, Agreement
from rag.evaluation.records import RunJSON
from rag.index.records import RunInfo
from rag.schemas.evaluation import eval_json, eval_progress_json, judge_json, runs_json


def test_eval() -> None:
    """A run is printed with its metrics and gate results, but without its questions."""
    run: RunJSON = {
        "schema_version": 2,
        "made": "",
        "seconds": 1.0,
        "set": {"name": "s", "sha256": "0"},
        "settings": {},
        "index": {},
        "versions": {},
        "figures": {"questions": 28, "em": None},
        "intervals": {"hit@5": (0.25, 0.5)},
        "cases": {"hit@5": 4},
        "defects": ["d"],
        "questions": [],
    }
    made = eval_json(run, [GateResult("em>=1", False, "none")], 3)

    assert list(made.items()) == [
        ("schema_version", 1),
        ("run", 3),
        ("figures", {"questions": 28, "em": None}),
        ("intervals", {"hit@5": [0.25, 0.5]}),
        ("cases", {"hit@5": 4}),
        ("defects", ["d"]),
        ("gates", [{"words": "em>=1", "passed": False, "detail": "none"}]),
        ("failed_gates", ["em>=1"]),
    ]


def test_judge() -> None:
    """The version of the prompts comes before the results."""
    made = judge_json(Agreement(claims=4, balanced_accuracy=0.5, interval=None, kappa=None, failed=0, repeats=None))

    assert [1, PROMPT_VERSION, 4, 0.5, None, None, 0, None] == list(made.values())


def test_runs() -> None:
    """Every field of a run is printed."""
    info = RunInfo(
        number=3, made="m", set_name="s", set_sha256="0", settings={"k": 8}, figures={"em": None}, questions=2, whole=True
    )
    (made,) = runs_json([info])

    assert [3, "m", "s", "0", {"k": 8}, {"em": None}, 2, True] == list(made.values())


def test_progress() -> None:
    """Progress is counted in questions."""
    assert {"done": 1, "total": 4, "seconds_left": 0.5} == eval_progress_json(1, 4, 0.5)
