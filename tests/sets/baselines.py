"""Runs the sets that the tests are gated on, and writes their baselines: the measures of each question, without its texts.

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
WITHIN = ("clapnq",)  # asked of the passages that the set names for each question


def run(name: str, library: Library) -> RunJSON:
    """Takes a set's documents in, and asks its questions."""
    questions = test_sets.read_set(SETS[name])
    if questions.corpus is None:
        library.sync(SEEDS)
    else:
        library.add_documents(questions.corpus.documents)
    return library.evaluations.run(questions, within=name in WITHIN)


def baseline(name: str) -> Path:
    """Where the baseline of a set lies."""
    return HERE / f"{name}.baseline.json"


def trimmed(made: RunJSON) -> RunJSON:
    """A run without texts and without times: what another is compared with."""
    empty = {str: "", list: [], dict: {}}
    rows = [
        {
            name: value if name in ("question", "measures", "status", "evidence") else empty[type(value)]
            for name, value in row.items()
        }
        for row in made["questions"]
    ]
    cases = {name: n for name, n in made["cases"].items() if not name.endswith("_ms")}
    figures = {"auroc": made["figures"]["auroc"]} if "auroc" in made["figures"] else {}
    return {**made, "made": "", "seconds": 0.0, "questions": rows, "cases": cases, "figures": figures, "intervals": {}}


def main() -> None:
    """Writes them all."""
    for name in SETS:
        with tempfile.TemporaryDirectory() as folder, Library.open(Path(folder) / "index") as library:
            made = trimmed(run(name, library))
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in made.pop("questions"))
        head = json.dumps(made, ensure_ascii=False)
        baseline(name).write_text(f'{head[:-1]}, "questions": [\n{lines}\n]}}\n', encoding="utf-8")
        print(name, len(lines))


if __name__ == "__main__":
    main()
