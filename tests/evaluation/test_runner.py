"""Runs of test sets, stored runs, and the fitted threshold in use."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rag import Library
from rag.errors import SetError
from rag.evaluation.comparison import check_gate, parse_gate
from rag.evaluation.records import QuestionSet, RunJSON
from rag.evaluation.test_sets import read_set
from rag.settings import Settings

from .conftest import SEED

CRANE_QUESTION = "How much can the new crane lift?"


@pytest.mark.process
def test_the_gate(seeds: Library) -> None:
    """What the seed set must keep. Citations are always exact; the other bounds may only rise."""
    run = seeds.evaluate(read_set(SEED))

    assert run["defects"] == []
    gates = [
        "citation_exact>=1.0",
        "hit@5>=1.0",
        "hit@1>=0.8",
        "gold_contained>=0.8",
        "gold_contained_if_answered>=0.9",
        "refusal_recall>=0.75",
        "false_refusals<=0.2",
        "sentences<=2",
    ]
    assert [words for words in gates if not check_gate(parse_gate(words), run).passed] == []


def test_evaluation_is_deterministic(seeds: Library) -> None:
    """Two runs have the same metrics and intervals, except for times."""
    questions = replace(read_set(SEED), questions=read_set(SEED).questions[:6])
    first, second = (seeds.evaluate(questions) for _ in range(2))

    for part in ("figures", "intervals", "cases"):
        assert [{k: v for k, v in run[part].items() if "_ms" not in k} for run in (first, second)] == [
            {k: v for k, v in first[part].items() if "_ms" not in k}
        ] * 2


def test_progress_can_end_a_run(library: Library, crane_set: QuestionSet) -> None:
    """Each question is reported; an exception of the callback ends the run."""
    reported = []

    def on_progress(done: int, total: int) -> None:
        reported.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.evaluations.run(crane_set, on_progress=on_progress)
    assert [(1, 3), (2, 3)] == reported


def test_a_fitted_threshold_is_used(library: Library, crane_set: QuestionSet) -> None:
    """By everyone who asks this index, unless a threshold is set; clearing it restores the built-in one."""
    many = replace(
        crane_set,
        questions=tuple(replace(question, id=f"{question.id}{n}") for question in crane_set.questions for n in range(5)),
    )
    fitted = library.evaluations.calibrate(many, error_rate=0.0)
    assert fitted.held_out.risk == 0
    library.evaluations.save_calibration(replace(fitted, threshold=0.9999))

    assert "abstained" == library.ask(CRANE_QUESTION).status
    assert library.evaluations.load_calibration() == replace(fitted, threshold=0.9999)
    with Library.open(library.folder, Settings(evidence=0.1), short_lived=True) as other:
        assert "answered" == other.ask(CRANE_QUESTION).status
    library.evaluations.clear_calibration()
    assert library.evaluations.load_calibration() is None
    assert "answered" == library.ask(CRANE_QUESTION).status


def test_a_threshold_of_another_embedder_is_ignored(library: Library, crane_set: QuestionSet) -> None:
    """Evidence scores of different embedders are not comparable."""
    many = replace(crane_set, questions=tuple(replace(crane_set.questions[0], id=str(n)) for n in range(10)))
    library.evaluations.save_calibration(replace(library.evaluations.calibrate(many), embedder="another"))

    assert library.evaluations.load_calibration() is None


def test_runs_are_stored_and_deleted(library: Library, run: RunJSON) -> None:
    """If a document that a run quotes is removed, only the run's figures remain."""
    evaluations = library.evaluations
    number = evaluations.save_run(run)

    assert json.loads(json.dumps(run)) == json.loads(json.dumps(evaluations.load_run(number)))
    assert [(number, "set", 3, True)] == [
        (info.number, info.set_name, info.questions, info.whole) for info in evaluations.list_runs()
    ]
    library.remove("crane.txt")
    assert [(False, 1.0)] == [(info.whole, info.figures["right"]) for info in evaluations.list_runs()]
    with pytest.raises(SetError, match="no complete run"):
        evaluations.load_run(number)
    evaluations.delete_run(number)
    assert [] == evaluations.list_runs()
    with pytest.raises(SetError, match=f"no run {number}"):
        evaluations.delete_run(number)
