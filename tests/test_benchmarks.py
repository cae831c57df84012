"""The benchmarks still run: every module, and the rag side of each measurement on a tiny library."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from rag import Document, Library
from rag.evaluation.records import Corpus, Gold, Question, QuestionSet
from rag.evaluation.test_sets import read_set

from .conftest import DATA

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SEED = Path(__file__).parent / "sets" / "seed.yaml"
MODULES = sorted(path.stem for path in BENCHMARKS.glob("*.py"))

pytestmark = pytest.mark.process
needs_data = pytest.mark.skipif(not (DATA / "qa").exists(), reason=f"no question sets in {DATA}")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of the benchmarks; scikit-learn, which only they use, may be absent."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "path", [*sys.path])  # page.py extends it
    absent = {
        "sklearn": {},
        "sklearn.linear_model": {"LogisticRegression": None},
        "sklearn.metrics": {"roc_auc_score": None},
    }
    for name, attributes in absent.items():
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**attributes))
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name: str, load: Callable[[str], ModuleType]) -> None:
    """No module refers to something that was moved or renamed."""
    assert load(name).__doc__


@pytest.mark.parametrize("name", ["documents", "page", "quality", "run"])
def test_help(name: str) -> None:
    """Each program with options describes itself."""
    process = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--help"], capture_output=True, text=True, check=True
    )

    assert "usage:" in process.stdout
    assert "Measures" in process.stdout


@needs_data
def test_a_synthetic_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[str], ModuleType]) -> None:
    """It is split into the passages it was made of, its vectors lie near centres, and each measurement returns figures."""
    world, measure = load("world"), load("measure")
    monkeypatch.setattr(world, "CLUSTERS", 20)

    made = world.World(DATA)
    (document, *_) = made.documents(8)
    passages = list(world.ParagraphSplitter().split(document.text, markdown=False))
    assert world.PASSAGES == len(passages)
    vectors = made.vectors([document.text[p.start : p.end] for p in passages])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert 0.65 < float((vectors @ made._centres.T).max(axis=1).mean()) < 0.85

    where = str(tmp_path / "index")
    assert 10 == len(measure.build("rag", str(DATA), "160", where)["rates"])
    assert measure.retrieve("rag", str(DATA), where, "3")["p50"] > 0
    assert measure.answer("rag", str(DATA), where, "3")["p99"] > 0
    assert measure.recall("rag", str(DATA), where, "3")["recall"] > 0.5


def test_an_unchanged_folder(folder: Path, load: Callable[[str], ModuleType]) -> None:
    """The files are counted as unchanged."""
    found = load("measure").unchanged("rag", str(folder))

    assert (3, True) == (found["files"], found["seconds"] > 0)


def test_halves(seeds: Library, load: Callable[[str], ModuleType]) -> None:
    """Both halves are measured beside the whole, for questions with gold only."""
    quality = load("quality")
    seed = read_set(SEED)
    with_gold = [question for question in seed.questions if question.evidence]
    without_gold = [question for question in seed.questions if not question.evidence]
    few = replace(seed, questions=(*with_gold[:2], *without_gold[:1]))
    run = seeds.evaluations.run(few, judge=quality.Halves(seeds))

    assert {"doc_ndcg@10.words", "doc_ndcg@10.meaning"} <= run["figures"].keys()
    assert 2 == run["cases"]["doc_ndcg@10.words"]


def test_features_of_a_question(seeds: Library, load: Callable[[str], ModuleType]) -> None:
    """The fit sees one row of features per sentence, and which sentences contain the answer."""
    fit = load("fit_extraction")
    question = read_set(SEED).questions[0]
    (case,) = fit.case(seeds, question, "seed", answerable=True, reported=False)

    assert case.sentences.shape == (len(case.right), len(fit.SENTENCE))
    assert case.evidence.shape == (len(fit.EVIDENCE),)
    assert case.right.any()


def test_support_of_a_claim(load: Callable[[str], ModuleType]) -> None:
    """The passage with most of the claim's words decides."""
    passages = load("claims").Passages({"a": "The crane lifts forty tonnes. Bees fly."})

    assert passages.best("The crane lifts forty tonnes.", "a").share == 1.0


def test_a_part_of_a_set(load: Callable[[str], ModuleType]) -> None:
    """The two parts of a set are disjoint and complete."""
    sets = load("sets")
    questions = tuple(Question(str(n), "q", evidence=(Gold(f"d{n}#p1"),)) for n in range(20))
    documents = tuple(Document("text", "title", source=f"d{n}#p1") for n in range(20))
    complete = QuestionSet("set", "digest", questions, Corpus("digest", documents))
    parts = [{q.id for q in sets.part(complete, reported=reported).questions} for reported in (True, False)]

    assert parts[0] | parts[1] == {str(n) for n in range(20)}
    assert not parts[0] & parts[1]
