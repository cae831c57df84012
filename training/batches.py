"""Turns examples into batches of tokens."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

TOKENS = 288  # of a pair
_QUESTION = 300  # code points
_TOGETHER = 40  # batches whose pairs are sorted by length


@dataclass(frozen=True)
class Pair:
    """A pair as tokens.

    Attributes:
        row: The example; see `training.examples.Example`.
        encoding: Its tokens.
        text: The passage with its context, to which the encoding's offsets refer.
        spans: (first, last) token of each answer.
    """

    row: dict[str, Any]
    encoding: Encoding
    text: str
    spans: list[tuple[int, int]]


class Batch(NamedTuple):
    """A batch of b pairs with t tokens each; `starts` and `ends` are (b, t), 1 where an answer starts or ends."""

    ids: Tensor
    types: Tensor
    mask: Tensor
    starts: Tensor
    ends: Tensor
    answers: Tensor
    relevance: Tensor


def tokenizer(path: Path) -> Tokenizer:
    """Returns the tokenizer, which shortens only passages."""
    found = Tokenizer.from_file(str(path))
    found.no_padding()
    found.enable_truncation(TOKENS, strategy="only_second")
    return found


def read(path: Path) -> list[dict[str, Any]]:
    """Reads the examples that `training.prepare` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def encoded(row: dict[str, Any], tokens: Tokenizer, *, with_context: bool = True) -> Pair | None:
    """Returns an example as tokens; None if an answer lies behind the last token that fits."""
    context = f"{row['context']}\n" if row["context"] and with_context else ""
    text = context + row["passage"]
    encoding = tokens.encode(row["question"][:_QUESTION], text)
    spans = []
    for start, end in row["spans"]:
        inside = [
            n
            for n, ((a, b), kind) in enumerate(zip(encoding.offsets, encoding.type_ids, strict=True))
            if kind == 1 and a < b and a < end + len(context) and b > start + len(context)
        ]
        if inside and encoding.offsets[inside[-1]][1] >= end + len(context):
            spans.append((inside[0], inside[-1]))
    return None if row["answers"] and not spans else Pair(row, encoding, text, spans)


def batched(pairs: Sequence[Pair]) -> Batch:
    """Returns pairs as one batch."""
    width = max(len(pair.encoding.ids) for pair in pairs)
    ids, types, mask, starts, ends = (torch.zeros((len(pairs), width), dtype=torch.long) for _ in range(5))
    for n, pair in enumerate(pairs):
        length = len(pair.encoding.ids)
        ids[n, :length] = torch.tensor(pair.encoding.ids)
        types[n, :length] = torch.tensor(pair.encoding.type_ids)
        mask[n, :length] = 1
        for first, last in pair.spans or [(0, 0)]:
            starts[n, first] = ends[n, last] = 1
    answers = torch.tensor([float(pair.row["answers"]) for pair in pairs])
    relevance = torch.tensor([float(pair.row["relevance"]) for pair in pairs])
    return Batch(ids, types, mask, starts.float(), ends.float(), answers, relevance)


def epoch(pairs: Sequence[Pair], size: int, chosen: random.Random) -> Iterator[list[Pair]]:
    """Yields all pairs once, in batches of pairs of similar length."""
    order = list(range(len(pairs)))
    chosen.shuffle(order)
    groups = []
    for begin in range(0, len(order), size * _TOGETHER):
        part = sorted(order[begin : begin + size * _TOGETHER], key=lambda n: len(pairs[n].encoding.ids))
        groups += [part[at : at + size] for at in range(0, len(part), size)]
    chosen.shuffle(groups)
    for group in groups:
        yield [pairs[n] for n in group]
