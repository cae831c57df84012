"""Writes the examples on which the reader is trained and measured, with the relevance that the original model gives them.

    python -m training.prepare DATA RERANKER OUT [SETS]

DATA is the folder that contains the question sets. RERANKER is a folder with the original cross-encoder: `model.onnx` and
`tokenizer.json`. OUT is the file to write, a gzipped JSON line for each example.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from training.examples import Example, documents, paragraphs

HERE = Path(__file__).parent
_TOKENS, _BATCH = 256, 16


def examples(data: Path, sets: Sequence[str]) -> Iterator[Example]:
    """Yields the examples of the given sets."""
    for name in sets:
        if name.startswith("own"):
            for folder in sorted((HERE / "data").glob(f"{name.removeprefix('own').removeprefix('-') or '*'}/")):
                yield from documents(f"own-{folder.name}", folder / "files", folder / "questions.jsonl")
        elif name == "desk":
            yield from documents("desk", data / "desk" / "files", data / "desk" / "questions.jsonl", skip="langs/")
        else:
            share, most = {"squad20_dev": (0.4, None), "squadshifts": (0.4, 16_000)}.get(name, (1.5, None))
            yield from paragraphs(data / name, share, most)


class Teacher:
    """The original cross-encoder, which judges how relevant a passage is to a question.

    Args:
        folder: The folder with `model.onnx` and `tokenizer.json`.
    """

    def __init__(self, folder: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_TOKENS, strategy="only_second")

    def relevance(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """Returns the model's logit for each (question, passage)."""
        encoded = [self._tokenizer.encode(question[:300], text) for question, text in pairs]
        order = sorted(range(len(pairs)), key=lambda n: -len(encoded[n].ids))
        found = [0.0] * len(pairs)
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            tokens = np.zeros((3, len(rows), len(encoded[rows[0]].ids)), np.int64)
            for at, n in enumerate(rows):
                tokens[0, at, : len(encoded[n].ids)] = encoded[n].ids
                tokens[1, at, : len(encoded[n].ids)] = encoded[n].type_ids
                tokens[2, at, : len(encoded[n].ids)] = 1
            named = dict(zip(("input_ids", "token_type_ids", "attention_mask"), tokens, strict=True))
            logits = self._session.run(None, {one.name: named[one.name] for one in self._session.get_inputs()})[0]
            for n, logit in zip(rows, logits.reshape(len(rows), -1)[:, 0], strict=True):
                found[n] = float(logit)
        return found


def main(data: Path, reranker: Path, out: Path, sets: Sequence[str]) -> None:
    """Writes the examples."""
    found = list(examples(data, sets))
    teacher = Teacher(reranker)
    with gzip.open(out, "wt", encoding="utf-8") as file:
        for begin in range(0, len(found), 1024):
            part = found[begin : begin + 1024]
            pairs = [(one.question, f"{one.context}\n{one.passage}") for one in part]
            for one, relevance in zip(part, teacher.relevance(pairs), strict=True):
                file.write(json.dumps({**asdict(one), "relevance": round(relevance, 3)}, ensure_ascii=False) + "\n")
            print(f"{begin + len(part)}/{len(found)}", flush=True)
    for key, count in sorted(Counter((one.set, "held" if one.is_held else "", one.answers) for one in found).items()):
        print(*key, count)


if __name__ == "__main__":
    given = (
        sys.argv[4].split(",") if len(sys.argv) > 4 else ["squad20_dev", "nq_litm_oracle", "qed", "tatqa", "desk", "own"]
    )
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), given)
