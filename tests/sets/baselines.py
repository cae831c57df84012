"""Runs the test sets of the quality gate and writes their baselines: measurements without texts.

uv run python tests/sets/baselines.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from rag import Library
from rag.evaluation import test_sets
from rag.evaluation.records import RunJSON

HERE = Path(__file__).parent
SEEDS = HERE.parent.parent / "seeds"
SETS = {"seed": HERE / "seed.yaml", "squad": HERE / "squad", "nq": HERE / "nq", "clapnq": HERE / "clapnq"}
WITHIN = ("clapnq",)  # each question is asked of the passages that the set names for it
_KEPT = ("question", "measures", "status", "evidence")  # fields of a row that a comparison needs


def run(name: str, library: Library) -> RunJSON:
    """Adds the documents of a set to a library and asks the questions."""
    questions = test_sets.read_set(SETS[name])
    if questions.corpus is None:
        library.sync(SEEDS)
    else:
        library.add_documents(questions.corpus.documents)
    return library.evaluations.run(questions, within=name in WITHIN)


def baseline_path(name: str) -> Path:
    """Returns the path of a set's baseline."""
    return HERE / f"{name}.baseline.json"


def without_texts(run: RunJSON) -> RunJSON:
    """Returns a run without texts and times: what a later run is compared with."""
    empty = {str: "", list: [], dict: {}}
    rows = [
        {name: value if name in _KEPT else empty[type(value)] for name, value in row.items()} for row in run["questions"]
    ]
    cases = {name: n for name, n in run["cases"].items() if not name.endswith("_ms")}
    figures = {"auroc": run["figures"]["auroc"]} if "auroc" in run["figures"] else {}
    return {**run, "made": "", "seconds": 0.0, "questions": rows, "cases": cases, "figures": figures, "intervals": {}}


def main() -> None:
    """Writes every baseline."""
    for name in SETS:
        with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "index") as library:
            baseline = without_texts(run(name, library))
        rows = [json.dumps(row, ensure_ascii=False) for row in baseline.pop("questions")]
        head = json.dumps(baseline, ensure_ascii=False)
        lines = ",\n".join(rows)
        baseline_path(name).write_text(f'{head[:-1]}, "questions": [\n{lines}\n]}}\n', encoding="utf-8")
        print(name, len(rows))


if __name__ == "__main__":
    main()
