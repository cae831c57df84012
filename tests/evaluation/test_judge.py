"""The judge, with a server whose replies are queued."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rag import Document, Library
from rag.evaluation.judge import Judge, measure_agreement
from rag.evaluation.records import Gold, Question, QuestionSet
from rag.models.chat_model import OpenAIChatModel

from ..model_server import ModelServer, says


@pytest.fixture
def one_question(crane_set: QuestionSet) -> QuestionSet:
    """The first question of the crane set."""
    return replace(crane_set, questions=crane_set.questions[:1])


def _judge(server: ModelServer, repeats: int = 1) -> Judge:
    return Judge(OpenAIChatModel("m", server.url, "k", first_token_s=5, total_s=10), repeats)


@pytest.mark.parametrize(
    "reply",
    [
        'Sure:\n```json\n{"reason": "It says so.", "verdict": "Correct",}\n```',
        '<think>hm {"verdict": "wrong"}</think>{"reason": "It says so.", "verdict": "correct"}',
    ],
)
def test_verdicts(library: Library, one_question: QuestionSet, server: ModelServer, reply: str) -> None:
    """A verdict is found within other words and code fences; what the model thinks aloud is ignored."""
    server.replies.extend([says(reply), says('{"reason": "yes", "verdict": "supported"}')])
    judged = library.evaluations.run(one_question, judge=_judge(server))["questions"][0]["judged"]

    assert ("correct", 1.0, "It says so.") == tuple(judged["correctness"][key] for key in ("verdict", "score", "reason"))
    assert "supported" == judged["groundedness"]["verdict"]


def test_a_reply_without_verdict(library: Library, one_question: QuestionSet, server: ModelServer) -> None:
    """The judge is asked once more, then the verdict counts as failed, with the reply as reason."""
    server.replies.append(says("I would say it is fine."))
    run = library.evaluations.run(one_question, judge=_judge(server))
    verdict = run["questions"][0]["judged"]["correctness"]

    assert 4 == len(server.requests)  # two verdicts, two attempts each
    assert (1.0, None) == (run["figures"]["judge_failed"], run["figures"].get("correctness"))
    assert ("failed", None) == (verdict["verdict"], verdict["score"])
    assert "I would say" in verdict["reason"]


def test_repeats(library: Library, one_question: QuestionSet, server: ModelServer) -> None:
    """The most frequent verdict counts. Of three pairs each, one and three agree."""
    verdicts = ["correct", "wrong", "correct", "supported", "supported", "supported"]
    server.replies.extend(says(json.dumps({"reason": "r", "verdict": verdict})) for verdict in verdicts)
    run = library.evaluations.run(one_question, judge=_judge(server, 3))

    assert ["correct", "wrong", "correct"] == run["questions"][0]["judged"]["correctness"]["votes"]
    assert (1.0, pytest.approx((1 + 3) / 6)) == (run["figures"]["correctness"], run["figures"]["judge_agreement"])


def test_a_server_that_is_down(library: Library, one_question: QuestionSet) -> None:
    """Every verdict counts as failed, with the reason."""
    judge = Judge(OpenAIChatModel("m", "http://127.0.0.1:9/v1", "k", first_token_s=1, total_s=2))
    run = library.evaluations.run(one_question, judge=judge)

    assert "cannot be reached" in run["questions"][0]["judged"]["correctness"]["reason"]
    assert 1.0 == run["figures"]["judge_failed"]


def test_agreement_with_labels(server: ModelServer) -> None:
    """Of two true and two false claims, one each is judged rightly, one true claim wrongly, one false claim not at all."""
    claims = [
        Question(str(n), f"claim {n}", evidence=(Gold("d"),), label=label)
        for n, label in enumerate((True, True, False, False))
    ]
    for verdict in ("supported", "unsupported", "unsupported"):
        server.replies.append(says(json.dumps({"reason": "r", "verdict": verdict})))
    server.replies.append(says("no idea"))
    found = measure_agreement(
        _judge(server), claims, lambda source: Document(source * 9, "D"), 100, lambda done, total: None
    )

    assert (4, pytest.approx((1 / 2 + 1 / 2) / 2), 1) == (found.claims, found.balanced_accuracy, found.failed)
    assert pytest.approx((2 / 3 - 4 / 9) / (5 / 9)) == found.kappa
