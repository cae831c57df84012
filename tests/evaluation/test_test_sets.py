"""Test sets and corpora: the formats that are read, and the messages for what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.errors import SetError
from rag.evaluation.records import Gold, Question
from rag.evaluation.test_sets import read_corpus, read_set

from .conftest import SEED, write


def test_the_seed_set_is_complete() -> None:
    """At least 40 questions with gold quotes and 12 that the article does not answer."""
    questions = read_set(SEED).questions

    assert sum(question.answerable and bool(question.evidence) for question in questions) >= 40
    assert sum(not question.answerable for question in questions) >= 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "contains no questions"),
        ("- {id: a, answers: [x]}", "has no question"),
        ("- {question: q}", "has no answers"),
        ("- {question: q, answers: ['  ']}", "has no answers"),
        ("- {question: q, answers: [x], colour: red}", "unknown fields: colour"),
        ("- {id: a, question: q, answers: [x]}\n- {id: a, question: r, answers: [x]}", "two questions"),
        ("- {question: q, answers: [x], evidence: [quote]}", "evidence"),
        ("- {question: q, answers: x}", "must be a list"),
        ("- {question: q, answers: [x], answerable: maybe}", "true or false"),
        ("- {question: q, answers: [x], evidence: [{source: a, relevance: -1}]}", "`relevance` must be a number"),
        ("][", "not valid YAML"),
    ],
)
def test_invalid_sets(tmp_path: Path, text: str, message: str) -> None:
    """Each gives one clear line."""
    with pytest.raises(SetError, match=message) as raised:
        read_set(write(tmp_path, text))

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ('{"question": "q"}\n{', "x.jsonl", "line 2"),
        ("{", "x.json", "not valid JSON"),
        ('{"data": [{"paragraphs": [{}]}]}', "x.json", "SQuAD"),
    ],
)
def test_invalid_files(tmp_path: Path, text: str, name: str, message: str) -> None:
    """The message says where the file is wrong."""
    with pytest.raises(SetError, match=message):
        read_set(write(tmp_path, text, name))


def test_missing_files(tmp_path: Path) -> None:
    """A path that does not exist, and a folder without a test set."""
    with pytest.raises(SetError, match="cannot read"):
        read_set(tmp_path / "nowhere.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetError, match="contains no test set"):
        read_set(tmp_path / "empty")


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"id": "a"}', "no text"), ('{"text": "x"}', "no id"), ('{"id": 1, "text": "x"}\n' * 2, "same id")],
)
def test_invalid_corpora(tmp_path: Path, text: str, message: str) -> None:
    """Each document needs a text and an id of its own."""
    with pytest.raises(SetError, match=message):
        read_corpus(write(tmp_path, text, "corpus.jsonl"))


def test_a_folder_with_its_documents(tmp_path: Path) -> None:
    """questions.jsonl beside corpus.jsonl or files/; the folder names the set."""
    write(tmp_path, '{"question": "q", "answers": ["x"]}', "questions.jsonl")
    (tmp_path / "files").mkdir()
    write(tmp_path / "files", "text", "a.txt")
    with_files = read_set(tmp_path)
    write(tmp_path, '{"id": "d", "title": "T", "text": "x", "author": "A", "date": "2025"}', "corpus.jsonl")
    with_corpus = read_set(tmp_path)

    assert with_files.corpus is not None
    assert (tmp_path.name, str(tmp_path / "files")) == (with_files.name, with_files.corpus.folder)
    assert with_corpus.corpus is not None
    assert [("d", "T", "A", "2025", "x")] == [
        (document.source, document.title, document.author, document.date, document.text)
        for document in with_corpus.corpus.documents
    ]


def test_squad(tmp_path: Path) -> None:
    """SQuAD 2.0 brings its documents: each paragraph is one."""
    asked = [
        {"id": "1", "question": "Where?", "answers": [{"text": "here", "answer_start": 6}], "is_impossible": False},
        {"id": "2", "question": "Why?", "answers": [], "is_impossible": True},
    ]
    squad = {"version": "v2.0", "data": [{"title": "A_b", "paragraphs": [{"context": "It is here.", "qas": asked}]}]}
    found = read_set(write(tmp_path, json.dumps(squad), "dev.json"))

    assert found.questions[0] == Question(
        id="1",
        question="Where?",
        answers=("here",),
        evidence=(Gold("A_b#p0", "here", 6),),
        type="span",
        group="A_b#p0",
        within=("A_b#p0",),
    )
    assert not found.questions[1].answerable
    assert found.corpus is not None
    assert [("A_b#p0", "A b")] == [(document.source, document.title) for document in found.corpus.documents]


def test_beir(tmp_path: Path) -> None:
    """BEIR brings its documents; the grades of the relevance judgments are kept."""
    (tmp_path / "qrels").mkdir(parents=True)
    write(tmp_path, '{"_id": "d1", "title": "T", "text": "x"}\n{"_id": "d2", "text": "y"}', "corpus.jsonl")
    write(tmp_path, '{"_id": "q1", "text": "what"}\n{"_id": "q2", "text": "unused"}', "queries.jsonl")
    write(tmp_path / "qrels", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\n", "test.tsv")
    found = read_set(tmp_path)

    assert [("q1", (Gold("d1", relevance=2.0),))] == [(question.id, question.evidence) for question in found.questions]
