"""Two runs of the same questions beside each other, and the gates that a run must pass. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.errors import SetError
from rag.evaluation import statistics
from rag.evaluation.records import FIGURES, RowJSON, RunJSON, group_of

_BINARY = {(0.0, 1.0), (1.0, 1.0)}  # right or wrong, once


@dataclass(frozen=True, slots=True)
class Difference:
    """How a figure changed, over the questions that both runs have.

    Attributes:
        first: The figure of the first run, over the questions that both have; `second` that of the second.
        cases: How many questions it rests on.
        low: Of the 95 % interval of the change; `high` is its other end.
        p: Probability of a change this large by chance: exact McNemar where a question is right or wrong, else a paired
            permutation test. `p_adjusted` is it after Holm's correction for all figures compared.
        detectable: The smallest change that so many questions would mostly show; None where nothing differed.
    """

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


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs. `flipped` holds the rows of questions that one got right and the other did not."""

    differences: tuple[Difference, ...]
    flipped: tuple[tuple[RowJSON, RowJSON], ...]
    common: int
    only_first: int
    only_second: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on a figure, such as "hit@5>=0.95"."""

    words: str
    figure: str
    sign: str
    bound: float


@dataclass(frozen=True, slots=True)
class Gated:
    """Whether a run passed a gate, and by what figure."""

    words: str
    passed: bool
    detail: str


def compare(first: RunJSON, second: RunJSON) -> Comparison:
    """Compares question by question.

    Raises:
        SetError: They have no question in common.
    """
    before = {row["question"]["id"]: row for row in first["questions"]}
    after = {row["question"]["id"]: row for row in second["questions"]}
    common = [name for name in before if name in after and _asked(before[name]) == _asked(after[name])]
    if not common:
        raise SetError("the two runs have no question in common", "compare runs of the same set")
    pairs = [(before[name], after[name]) for name in common]
    found = [difference for name in _shared_figures(first, second) if (difference := _difference(name, pairs)) is not None]
    adjusted = statistics.holm([one.p for one in found])
    differences = tuple(replace(one, p_adjusted=p) for one, p in zip(found, adjusted, strict=True))
    flipped = tuple(pair for pair in pairs if right(pair[0]) != right(pair[1]))
    return Comparison(differences, flipped, len(common), len(before) - len(common), len(after) - len(common))


def right(row: RowJSON) -> bool | None:
    """Whether a question was answered rightly, or rightly declined; of one with gold quotes only, whether these were found.

    None where nothing says what is right.
    """
    return next((row["measures"][name][0] > 0 for name in ("right", "hit@5", "doc_hit@5") if name in row["measures"]), None)


def parse_gate(words: str) -> Gate:
    """Reads a gate.

    Raises:
        SetError: It is not FIGURE>=NUMBER or FIGURE<=NUMBER.
    """
    match = re.fullmatch(r"\s*([\w@.]+?)\s*(>=|<=)\s*(-?\d+(?:\.\d+)?|\.\d+)\s*", words)
    if not match:
        raise SetError(f"{words!r} is not a gate", 'write "hit@5>=0.95" or "false_refusals<=0.05"')
    return Gate(words, match.group(1), match.group(2), float(match.group(3)))


def gated(gate: Gate, run: RunJSON) -> Gated:
    """Whether a run keeps a bound. One on a figure that nothing was measured for is not kept.

    Raises:
        SetError: There is no such figure.
    """
    if gate.figure not in run["figures"]:
        raise SetError(f"no figure {gate.figure!r}", f"there are {', '.join(run['figures'])}")
    value = run["figures"][gate.figure]
    if value is None:
        return Gated(gate.words, False, "nothing was measured for it: the set has no such questions")
    passed = value >= gate.bound if gate.sign == ">=" else value <= gate.bound
    interval = run["intervals"].get(gate.figure)
    return Gated(gate.words, passed, f"{value:.4g}" + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""))


def no_worse(run: RunJSON, baseline: RunJSON, margin: float) -> list[Gated]:
    """For each figure that has a better and a worse: whether it is worse than in the baseline by more than a margin.

    Compared are the questions that both have, so that a set may grow.
    """
    results = []
    for one in compare(baseline, run).differences:
        worse = -one.change * FIGURES[one.name].better
        change = f"{one.low:+.3f} to {one.high:+.3f}, p = {one.p:.2g}, {one.cases} questions"
        detail = f"{one.first:.3f} → {one.second:.3f} ({change})"
        results.append(Gated(f"{one.name} no worse by {margin:g}", worse <= margin + 1e-12, detail))
    return results


def _asked(row: RowJSON) -> tuple[str, bool]:
    return row["question"]["question"], row["question"]["answerable"]


def _shared_figures(first: RunJSON, second: RunJSON) -> list[str]:
    return [
        name for name, figure in FIGURES.items() if figure.better and name in first["cases"] and name in second["cases"]
    ]


def _difference(name: str, pairs: Sequence[tuple[RowJSON, RowJSON]]) -> Difference | None:
    parts = [tuple(row["measures"].get(name, (0.0, 0.0)) for row in pair) for pair in pairs]
    asked = [n for n, pair in enumerate(parts) if any(below for _, below in pair)]
    first, second = ([parts[n][side] for n in asked] for side in (0, 1))
    totals = [(sum(above for above, _ in side), sum(below for _, below in side)) for side in (first, second)]
    if not all(below for _, below in totals):
        return None
    bootstrap = statistics.Bootstrap([group_of(pairs[n][0]) for n in asked])
    low, high = bootstrap.difference(first, second) or (0.0, 0.0)
    if all(tuple(one) in _BINARY for side in (first, second) for one in side):
        lost, won = (
            [a > b for (a, _), (b, _) in zip(*way, strict=True)].count(True) for way in ((first, second), (second, first))
        )
        test, p = "McNemar", statistics.mcnemar(lost, won)
    else:
        test, p = "permutation", statistics.permutation(first, second)
    before, after = (above / below for above, below in totals)
    return Difference(
        name, before, after, after - before, low, high, len(asked), test, p, p, statistics.detectable(first, second)
    )  # fmt: skip
