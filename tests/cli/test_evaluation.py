"""The commands for evaluation, run as processes: files, gates, exit codes, schemas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..model_server import model_server, says
from .command import checked, checked_lines, rag, valid

pytestmark = pytest.mark.process

SEED = Path(__file__).parent.parent / "sets" / "seed.yaml"


@pytest.fixture
def few(room: Path) -> str:
    """A test set with the first twelve questions about the seed article, and all unanswerable ones."""
    text = SEED.read_text("utf-8").split("\n- id: ")
    kept = [part for n, part in enumerate(text[1:]) if n < 12 or "answerable: false" in part]
    (room / "few.yaml").write_text("".join(f"- id: {part}\n" for part in kept), "utf-8")
    return "few.yaml"


def test_from_a_folder_and_questions_to_report_and_gate(room: Path, few: str) -> None:
    """The steps described under Evaluation in docs/using.md work."""
    files = ("--out", "before.json", "--report", "r.html", "--junit", "g.xml", "--markdown", "s.md")
    done = rag(room, "eval", few, *files, "--gate", "citation_exact>=1.0", "--gate", "hit@5>=0.9")
    assert 0 == done.returncode, done.stderr
    assert "citation_exact" in done.stdout
    run = json.loads((room / "before.json").read_text("utf-8"))
    valid(run, "run")
    assert all((room / name).stat().st_size > 100 for name in files[3::2])

    done = rag(room, "eval", few, "--no-worse-than", "before.json", "--gate", "hit@5>=1.1", "--json")
    assert (1, ["hit@5>=1.1"]) == (done.returncode, checked(done, "eval")["failed_gates"])
    done = rag(room, "eval", few, "--no-worse-than", "before.json", RAG_EVIDENCE="0.95", RAG_SENTENCES="1")
    assert 1 == done.returncode
    assert "gate failed: false_refusals" in done.stderr

    compared = checked(rag(room, "eval", "--compare", "before.json", "3", "--json"), "compare")
    assert compared["flipped"]
    assert [3, 2, 1] == [info["number"] for info in checked(rag(room, "runs", "--json"), "runs")]
    assert 3 == checked(rag(room, "runs", "3", "--json"), "eval")["run"]
    assert {"dropped": 2} == checked(rag(room, "runs", "2", "--drop", "--json"), "runs-drop")
    assert 0 == rag(room, "runs", "1", "--drop").returncode
    assert 1 == rag(room, "runs", "1").returncode


def test_a_set_with_its_own_documents(room: Path) -> None:
    """The test set's documents get their own index, which is built once; the open library does not change."""
    (room / "set").mkdir()
    corpus = [
        {"id": "a", "title": "Cranes", "text": "The new crane can lift forty-two tonnes."},
        {"id": "b", "title": "", "text": "Bees."},
    ]
    asked = [{"id": "1", "question": "How much can the new crane lift?", "answers": ["forty-two"],
              "evidence": [{"doc_id": "a", "quote": "forty-two tonnes"}]}]  # fmt: skip
    for name, rows in (("corpus", corpus), ("questions", asked)):
        (room / "set" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    for _ in range(2):
        assert 1.0 == checked(rag(room, "eval", "set", "--json"), "eval")["figures"]["right"]

    assert 1 == len(list((room / "index" / "corpora").iterdir()))
    assert [] == json.loads(rag(room, "ls", "--json").stdout)
    assert 0 == rag(room, "doctor").returncode
    by_name = rag(room, "eval", "set/questions.jsonl", "--corpus", "set/corpus.jsonl", "--json")
    assert 1.0 == checked(by_name, "eval")["figures"]["doc_hit@1"]


def test_calibrate(room: Path, few: str) -> None:
    """A fitted threshold is shown with its cost, stored, and deleted on request."""
    fitted = checked(rag(room, "calibrate", few, "--error-rate", "0.05", "--json"), "calibrate")
    assert 0 < fitted["threshold"] < 1
    assert "cross-validated, on held-out questions" in rag(room, "calibrate", few, "--least-cost", "--dry-run").stdout
    assert "the built-in threshold applies again" in rag(room, "calibrate", "--forget").stderr
    assert {"threshold": 0.18} == checked(rag(room, "calibrate", "--forget", "--json"), "calibrate-forget")


def test_a_line_for_each_question(room: Path, few: str) -> None:
    """Each line has what the run records about one question; progress is printed as JSON, too."""
    done = rag(room, "eval", few, "--jsonl", "--out", "run.json")
    run = json.loads((room / "run.json").read_text("utf-8"))

    assert run["questions"] == checked_lines(done.stdout, "eval-line")
    assert checked_lines(done.stderr, "eval-progress")[-1]["total"] == len(run["questions"])


def test_judge(room: Path) -> None:
    """Labelled claims are judged by a model on a server; without a model, the command fails with one line."""
    claims = [
        {"id": str(n), "question": f"Claim {n}.", "answers": ["x"], "label": n % 2, "evidence": [{"doc_id": "a"}]}
        for n in range(4)
    ]
    (room / "claims.jsonl").write_text("\n".join(map(json.dumps, claims)), "utf-8")
    (room / "corpus.jsonl").write_text('{"id": "a", "text": "Whatever."}', "utf-8")
    words = ("judge", "claims.jsonl", "--corpus", "corpus.jsonl", "--json")
    done = rag(room, *words)
    assert (1, True) == (done.returncode, "no model is set to judge the answers" in done.stderr)
    with model_server(says('{"reason": "r", "verdict": "supported"}')) as server:
        found = checked(rag(room, "--base-url", server.url, "--model", "m", *words), "judge")

    assert (4, 0.5, 0) == (found["claims"], found["balanced_accuracy"], found["failed"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["eval"], "no test set given"), (["eval", "nowhere.yaml"], "cannot read"), (["eval", "seeds"], "contains no test set"),
        (["eval", "few.yaml", "--no-worse-than", "nowhere.json"], "cannot read"), (["eval", "--compare", "9", "8"], "no complete run 9"),
        (["eval", "few.yaml", "--price", "cheap"], "invalid price"), (["eval", "few.yaml", "--gate", "good"], "invalid gate"),
        (["calibrate"], "no test set given"), (["judge", "few.yaml"], "no labelled claims"),
        (["eval", "few.yaml", "--out", "no/such/folder.json"], "cannot write"),
    ],
)  # fmt: skip
def test_mistakes(room: Path, few: str, words: list[str], said: str) -> None:
    """A mistake causes one line, a hint and exit code 1."""
    done = rag(room, *words)

    assert (1, True) == (done.returncode, said in done.stderr), done.stderr
