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

from rag import Library
from rag.evaluation.records import Gold, Question, QuestionSet
from rag.evaluation.test_sets import read_set

from .conftest import DATA

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SEED = Path(__file__).parent / "sets" / "seed.yaml"
MODULES = sorted(path.stem for path in BENCHMARKS.glob("*.py"))

pytestmark = pytest.mark.process
needs_data = pytest.mark.skipif(not (DATA / "qa").exists(), reason=f"no question sets in {DATA}")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Imports a module of the benchmarks."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "path", [*sys.path])  # page.py and sets.py extend it
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


def test_rankings(seeds: Library, load: Callable[[str], ModuleType]) -> None:
    """Both halves and the passages in the reader's order are measured beside the whole, for questions with gold only."""
    quality = load("quality")
    seed = read_set(SEED)
    with_gold = [question for question in seed.questions if question.evidence]
    without_gold = [question for question in seed.questions if not question.evidence]
    few = replace(seed, questions=(*with_gold[:2], *without_gold[:1]))
    run = seeds.evaluations.run(few, judge=quality.Ranking(seeds))

    assert {"doc_ndcg@10.words", "doc_ndcg@10.meaning", "doc_ndcg@10.read"} <= run["figures"].keys()
    assert 2 == run["cases"]["doc_ndcg@10.words"]


def test_support_of_a_claim(load: Callable[[str], ModuleType]) -> None:
    """The passage with most of the claim's words decides."""
    passages = load("claims").Passages({"a": "The crane lifts forty tonnes. Bees fly."})

    assert passages.best("The crane lifts forty tonnes.", "a").share == 1.0


def test_what_is_reported(load: Callable[[str], ModuleType]) -> None:
    """Of a set on which the reader was trained, a fifth of the articles; of another set, everything."""
    sets = load("sets")
    questions = tuple(Question(str(n), "q", evidence=(Gold(f"d{n // 2}#p1"),)) for n in range(400))
    kept = {name: sets.reported(QuestionSet(name, "", questions)).questions for name in (sets.SQUAD, sets.CLAPNQ)}

    assert questions == kept[sets.CLAPNQ]
    assert 40 < len(kept[sets.SQUAD]) < 130
    assert 2 * len({int(one.id) // 2 for one in kept[sets.SQUAD]}) == len(kept[sets.SQUAD])


@needs_data
def test_the_desk_set(load: Callable[[str], ModuleType]) -> None:
    """It is read with its styles, without other languages, and every gold quote is in its document."""
    questions, corpus = load("sets").read(DATA, "desk")

    assert len(questions.questions) > 1_000
    assert {"plain", "paraphrase"} < {one.type for one in questions.questions}
    assert all((Path(corpus.folder) / gold.source).exists() for one in questions.questions for gold in one.evidence)


def test_the_cross_encoder(seeds: Library, load: Callable[[str], ModuleType]) -> None:
    """It ranks passages and quotes the best sentence, whatever the model says."""
    module = load("cross_encoder")
    made = module.CrossEncoder.__new__(module.CrossEncoder)
    made._library = seeds
    made._model = SimpleNamespace(relevance=lambda pairs: [float(len(text)) / 1e4 for _, text in pairs])
    answer = made.ask("Who met whom?")

    (citation,) = answer.citations
    assert citation.quote == seeds.document(citation.source).text[citation.start : citation.end] == answer.text
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
