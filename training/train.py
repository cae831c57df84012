"""Trains one reader and measures it on the examples that it has never seen.

    python -m training.train EXAMPLES RERANKER OUT [--epochs 2] [--layers 12] [--seed 0] [--sets a,b]

EXAMPLES is what `training.prepare` wrote. RERANKER is the folder with the original cross-encoder. OUT is the file for the
weights. An interrupted training goes on where it was last saved.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.nn import functional

from training.batches import Batch, Pair, batched, encoded, epoch, read, tokenizer
from training.measures import report
from training.model import LAYERS, Reader, Scores
from training.weights import published

_RATE, _DECAY, _WARM_UP, _LEAST = 8e-5, 0.01, 150, 0.02
_SIZE = 32  # pairs in a batch
_SAVE_EVERY = 200  # steps
_WITHOUT_CONTEXT = 0.2  # share of pairs read without their context
_RELEVANCE, _EARLY = 0.05, 0.3  # weights of the losses


def loss_of(scores: Scores, batch: Batch) -> torch.Tensor:
    """Returns the sum of the losses: of the span, of whether the passage answers, and of its relevance."""
    span = torch.zeros(())
    for logits, gold in ((scores.start, batch.starts), (scores.end, batch.ends)):
        marked = logits.masked_fill(gold == 0, -1e9)
        span = span + (torch.logsumexp(logits, 1) - torch.logsumexp(marked, 1)).mean()
    answers = functional.binary_cross_entropy_with_logits(scores.answers, batch.answers)
    early = functional.binary_cross_entropy_with_logits(scores.early_answers, batch.answers)
    relevance = functional.mse_loss(scores.relevance, batch.relevance) + _EARLY * functional.mse_loss(
        scores.early_relevance, batch.relevance
    )
    return span + answers + _EARLY * early + _RELEVANCE * relevance


def _pairs(rows: Sequence[dict], tokens, chosen: random.Random | None) -> list[Pair]:  # noqa: ANN001
    found = (encoded(row, tokens, with_context=chosen is None or chosen.random() >= _WITHOUT_CONTEXT) for row in rows)
    return [pair for pair in found if pair is not None]


def train(options: argparse.Namespace) -> None:
    """Trains a reader and prints what it can do."""
    torch.manual_seed(options.seed)
    chosen = random.Random(options.seed)
    tokens = tokenizer(options.reranker / "tokenizer.json")
    rows = [
        row for row in read(options.examples) if not options.sets or row["set"].split("-")[0] in options.sets.split(",")
    ]
    print(dict(Counter((row["set"].split("-")[0], row["is_held"]) for row in rows)), flush=True)
    kept = tuple(range(LAYERS)) if options.layers == LAYERS else tuple(range(1, LAYERS, LAYERS // options.layers))
    model = Reader(published(options.reranker / "model.onnx"), kept)
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=_DECAY)
    training = [row for row in rows if not row["is_held"]]
    steps: list[list[Pair]] = []
    for n in range(options.epochs):
        again = [row for row in training if row["style"] and (row["answers"] or row["relevant"])] if n else []
        steps += epoch(_pairs([*training, *again], tokens, chosen), _SIZE, chosen)
    scale = lambda n: min(1, (n + 1) / _WARM_UP) * max(_LEAST, 1 - n / len(steps))  # noqa: E731
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, scale)
    part, begin = options.out.with_suffix(".part"), 0
    if part.exists():
        saved = torch.load(part, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        rate.load_state_dict(saved["rate"])
        begin = saved["step"]
    started, total = time.time(), 0.0
    for n in range(begin, len(steps)):
        batch = batched(steps[n])
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(batch.ids, batch.types, batch.mask)
        loss = loss_of(scores, batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        rate.step()
        total += loss.item()
        if (n + 1) % 50 == 0:
            speed = (n + 1 - begin) * _SIZE / (time.time() - started)
            print(f"{n + 1}/{len(steps)} loss {total / 50:.3f}, {speed:.1f} pairs/s", flush=True)
            total = 0.0
        if (n + 1) % _SAVE_EVERY == 0:
            states = {"model": model, "optimizer": optimizer, "rate": rate}
            torch.save({**{name: one.state_dict() for name, one in states.items()}, "step": n + 1}, part)
    torch.save(model.state_dict(), options.out)
    part.unlink(missing_ok=True)
    report(model, _pairs([row for row in rows if row["is_held"]], tokens, None))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("examples", "reranker", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", default="")
    return parser.parse_args()


if __name__ == "__main__":
    train(_options())
