"""Parsing test sets: aliases of YAML, depth, and what must not be taken for a question."""

from __future__ import annotations

import json

import pytest

from rag.errors import SetError
from rag.evaluation.test_set_formats import parse_beir, parse_corpus, parse_set

BOMB = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(97 + n)}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 26)
)


def test_an_alias_is_what_it_stands_for() -> None:
    text = '- {question: "Who?", answers: &names [Ada, Ada Holm]}\n- {question: "Who else?", answers: *names}\n'

    assert [("Ada", "Ada Holm")] * 2 == [question.answers for question in parse_set(text.encode(), "a.yaml").questions]


@pytest.mark.parametrize(
    "text",
    [BOMB, '- &a {question: "Who?", answers: [*a]}', '- question: "Who?"\n  answers: &a [*a]'],
    ids=["bomb", "cycle", "cycle in a list"],
)
def test_aliases_without_end_are_refused(text: str) -> None:
    with pytest.raises(SetError, match="aliases"):
        parse_set(text.encode(), "a.yaml")


@pytest.mark.parametrize("name", ["a.yaml", "a.json", "a.jsonl"])
def test_depth_is_refused(name: str) -> None:
    with pytest.raises(SetError, match=r"nested too deeply|not valid JSON Lines"):
        parse_set(b"[" * 100_000, name)


def test_beir_and_corpus() -> None:
    found = parse_beir(b"query-id\tcorpus-id\tscore\nq1\td1\t2\n", json.dumps({"_id": "q1", "text": "Who?"}).encode(), "b")

    assert [("q1", "d1", 2.0)] == [(q.id, q.evidence[0].source, q.evidence[0].relevance) for q in found.questions]
    assert [("d", "t")] == [(d.source, d.text) for d in parse_corpus(b'{"_id": "d", "text": "t"}', "c").documents or ()]
