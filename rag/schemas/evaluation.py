"""The JSON output of `rag eval`, `rag runs`, `rag calibrate` and `rag judge`, except complete runs (see `RunJSON`)."""

from __future__ import annotations

from collections.abc import Sequence

from rag.evaluation.calibration import Calibration
from rag.evaluation.comparison import Comparison, Difference, GateResult
from rag.evaluation.judge import PROMPT_VERSION, Agreement
from rag.evaluation.records import RunJSON
from rag.evaluation.reports.wording import outcome
from rag.index.records import RunInfo
from rag.schemas.contract import Contract, JSONObject, Number, Versioned, derive, to_json


class EvalJSON(Versioned):
    """A run's metrics. A metric is null if no question measures it.

    `run` is the run's number, or null if the run is not stored.
    """

    run: int | None
    figures: dict[str, Number | None]
    intervals: dict[str, tuple[Number, Number]]
    cases: dict[str, int]
    defects: tuple[str, ...]
    gates: tuple[GateResult, ...]
    failed_gates: tuple[str, ...]


class FlippedJSON(Contract):
    """A question that only one of two runs answered correctly."""

    id: str
    question: str
    first: str
    second: str
    first_outcome: str
    second_outcome: str


class CompareJSON(Versioned):
    """A comparison of two runs."""

    common: int
    only_first: int
    only_second: int
    differences: tuple[Difference, ...]
    flipped: tuple[FlippedJSON, ...]


class _JudgePrompts(Versioned):
    prompts: str = PROMPT_VERSION


class EvalProgressJSON(Contract):
    """The progress of an evaluation, counted in questions."""

    done: int
    total: int
    seconds_left: float


class DropJSON(Contract):
    """The number of the run that was deleted."""

    dropped: int


class ResetJSON(Contract):
    """The abstention threshold that applies after `rag calibrate --forget`."""

    threshold: float


CalibrateJSON = derive(
    Calibration,
    "threshold wanted=target_error_rate reached fitted held_out intervals curve abstain_cost"
    " questions set_name set_sha256 embedder made",
    base=Versioned,
)
JudgeJSON = derive(Agreement, base=_JudgePrompts)
RunInfoJSON = derive(RunInfo)


def eval_json(run: RunJSON, results: Sequence[GateResult], number: int | None) -> JSONObject:
    """Returns a run's metrics and gate results as JSON.

    Args:
        run: The run.
        results: The result of each gate.
        number: The run's number in the index; None if the run was not stored.
    """
    values = {name: run[name] for name in ("figures", "intervals", "cases", "defects")}
    failed = [gate.words for gate in results if not gate.passed]
    return to_json(EvalJSON, {"run": number, **values, "gates": tuple(results), "failed_gates": failed})


def compare_json(compared: Comparison) -> JSONObject:
    """Returns a comparison of two runs as JSON."""
    flipped = tuple(
        FlippedJSON(
            id=before["question"]["id"],
            question=before["question"]["question"],
            first=before["answer"],
            second=after["answer"],
            first_outcome=outcome(before),
            second_outcome=outcome(after),
        )
        for before, after in compared.flipped
    )
    counts = {"common": compared.common, "only_first": compared.only_first, "only_second": compared.only_second}
    return to_json(CompareJSON, {**counts, "differences": compared.differences, "flipped": flipped})


def runs_json(runs: Sequence[RunInfo]) -> list[JSONObject]:
    """Returns the list of runs as JSON."""
    return [to_json(RunInfoJSON, info) for info in runs]


def calibrate_json(calibration: Calibration) -> JSONObject:
    """Returns a calibration as JSON."""
    return to_json(CalibrateJSON, calibration)


def judge_json(agreement: Agreement) -> JSONObject:
    """Returns a judge's agreement with the labels in a test set as JSON.

    `repeats` is the share of repeats that agree, or null if the judge was asked only once for each verdict.
    """
    return to_json(JudgeJSON, agreement)


def drop_json(number: int) -> JSONObject:
    """Returns the number of a deleted run as JSON."""
    return to_json(DropJSON, {"dropped": number})


def reset_json(threshold: float) -> JSONObject:
    """Returns the current abstention threshold as JSON."""
    return to_json(ResetJSON, {"threshold": threshold})


def eval_progress_json(done: int, total: int, seconds_left: float) -> JSONObject:
    """Returns the progress of an evaluation as JSON."""
    return to_json(EvalProgressJSON, {"done": done, "total": total, "seconds_left": seconds_left})
