"""What `--json` prints of evaluations; docs/schemas holds the JSON Schemas made from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from typing_extensions import TypedDict

from rag.evaluation.calibration import Calibration
from rag.evaluation.comparison import Comparison, Gated
from rag.evaluation.judge import PROMPTS, Agreement
from rag.evaluation.records import RunJSON
from rag.evaluation.report import outcome
from rag.index.records import RunInfo
from rag.schemas.answers import SCHEMA_VERSION


class GatedJSON(TypedDict):
    """One gate, and by what it passed or failed."""

    words: str
    passed: bool
    detail: str


class EvalJSON(TypedDict):
    """`rag eval --json`. A figure that nothing was measured for is null; `run` is the number under which it is kept."""

    schema_version: int
    run: int | None
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    cases: dict[str, int]
    defects: list[str]
    gates: list[GatedJSON]
    failed_gates: list[str]


class DifferenceJSON(TypedDict):
    """How a figure changed from the first run to the second."""

    name: str
    first: float
    second: float
    change: float
    low: float
    high: float
    cases: int
    test: str
    p: float
    p_adjusted: float
    detectable: float | None


class FlippedJSON(TypedDict):
    """A question that one run got right and the other did not."""

    id: str
    question: str
    first: str
    second: str
    first_outcome: str
    second_outcome: str


class CompareJSON(TypedDict):
    """`rag eval --compare A B --json`."""

    schema_version: int
    common: int
    only_first: int
    only_second: int
    differences: list[DifferenceJSON]
    flipped: list[FlippedJSON]


class RunInfoJSON(TypedDict):
    """One element of `rag runs --json`."""

    number: int
    made: str
    set_name: str
    set_sha256: str
    settings: dict[str, Any]
    figures: dict[str, float | None]
    questions: int
    whole: bool


class PointJSON(TypedDict):
    """What a threshold does."""

    threshold: float
    coverage: float
    risk: float
    refusal_recall: float
    false_refusals: float
    cost: float


class CalibrateJSON(TypedDict):
    """`rag calibrate --json`."""

    schema_version: int
    threshold: float
    wanted: float | None
    reached: bool
    fitted: PointJSON
    held_out: PointJSON
    intervals: dict[str, tuple[float, float]]
    curve: list[PointJSON]
    abstain_cost: float
    questions: int
    set_name: str
    set_sha256: str
    embedder: str
    made: str


class JudgeJSON(TypedDict):
    """`rag judge --json`. `repeats` is the share of repeats that agree; null with one."""

    schema_version: int
    prompts: str
    claims: int
    balanced_accuracy: float
    interval: tuple[float, float] | None
    kappa: float | None
    failed: int
    repeats: float | None


def eval_json(run: RunJSON, results: Sequence[Gated], number: int | None) -> EvalJSON:
    """The contract of a run's figures."""
    return {
        "schema_version": SCHEMA_VERSION,
        "run": number,
        "figures": run["figures"],
        "intervals": run["intervals"],
        "cases": run["cases"],
        "defects": run["defects"],
        "gates": [asdict(one) for one in results],  # type: ignore[misc]  # its own fields
        "failed_gates": [one.words for one in results if not one.passed],
    }


def compare_json(compared: Comparison) -> CompareJSON:
    """The contract of two runs compared."""
    return {
        "schema_version": SCHEMA_VERSION,
        "common": compared.common,
        "only_first": compared.only_first,
        "only_second": compared.only_second,
        "differences": [asdict(one) for one in compared.differences],  # type: ignore[misc]  # its own fields
        "flipped": [
            {"id": before["question"]["id"], "question": before["question"]["question"], "first": before["answer"],
             "second": after["answer"], "first_outcome": outcome(before), "second_outcome": outcome(after)}
            for before, after in compared.flipped
        ],
    }  # fmt: skip


def runs_json(kept: Sequence[RunInfo]) -> list[RunInfoJSON]:
    """The contract of the runs that are kept."""
    return [asdict(info) for info in kept]  # type: ignore[misc]  # its own fields


def calibrate_json(fitted: Calibration) -> CalibrateJSON:
    """The contract of a fitted threshold."""
    return {"schema_version": SCHEMA_VERSION, **asdict(fitted)}  # type: ignore[typeddict-item]  # its own fields


def judge_json(found: Agreement) -> JudgeJSON:
    """The contract of a judge's agreement with labels."""
    return {"schema_version": SCHEMA_VERSION, "prompts": PROMPTS, **asdict(found)}  # type: ignore[typeddict-item]
