"""The reader in PyTorch: a BERT encoder that tells which words answer, whether a passage answers, and how relevant it is.

Half of the layers are enough to tell which passages are worth the other half: the heads exist at both depths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.weights import Weights

WIDTH, HEADS, LAYERS = 384, 12, 12
_EPSILON = 1e-12


class Scores(NamedTuple):
    """What the reader says of a batch of b pairs with t tokens each.

    Attributes:
        start: (b, t) logits of the answer's first token; position 0 stands for no answer.
        end: (b, t) logits of its last token.
        answers: (b,) logits of whether the passage answers.
        relevance: (b,) how relevant the passage is, on the scale of the original cross-encoder.
        early_answers: (b,) the same as `answers`, after half of the layers.
        early_relevance: (b,) the same as `relevance`, after half of the layers.
    """

    start: Tensor
    end: Tensor
    answers: Tensor
    relevance: Tensor
    early_answers: Tensor
    early_relevance: Tensor


class Layer(nn.Module):
    """One layer of the encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, eps=_EPSILON), nn.LayerNorm(WIDTH, eps=_EPSILON)
        self.widen, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns the next states, (b, t, WIDTH)."""
        b, t, _ = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, t, WIDTH)
        x = self.norm1(x + self.out(attended))
        return self.norm2(x + self.narrow(functional.gelu(self.widen(x))))


class Reader(nn.Module):
    """The reader. The embeddings stay as they were published.

    Args:
        published: The weights of the original cross-encoder.
        layers: Which of its layers to keep, in order.
    """

    def __init__(self, published: Weights, layers: tuple[int, ...] = tuple(range(LAYERS))) -> None:
        super().__init__()
        as_tensor = lambda name: torch.tensor(np.ascontiguousarray(published[name]))  # noqa: E731
        for kind in ("word", "position", "token_type"):
            table = nn.Embedding.from_pretrained(as_tensor(f"embeddings.{kind}_embeddings.weight"), freeze=True)
            setattr(self, kind, table)
        self.norm = nn.LayerNorm(WIDTH, eps=_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in layers)
        self.span = nn.Linear(WIDTH, 2)
        self.pool, self.early_pool, self.answer_pool = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.relevance, self.early, self.answers = nn.Linear(WIDTH, 1), nn.Linear(WIDTH, 2), nn.Linear(WIDTH, 1)
        self._load(layers, as_tensor)

    def _load(self, layers: tuple[int, ...], as_tensor: Callable[[str], Tensor]) -> None:
        def fill(module: nn.Module, *names: str) -> None:
            for part in ("weight", "bias"):
                tensors = [as_tensor(f"{name}.{part}") for name in names]
                getattr(module, part).data = torch.cat(tensors) if len(tensors) > 1 else tensors[0]

        fill(self.norm, "embeddings.LayerNorm")
        for n, layer in zip(layers, self.layers, strict=True):
            prefix = f"encoder.layer.{n}."
            fill(layer.qkv, *(f"{prefix}attention.self.{part}" for part in ("query", "key", "value")))
            fill(layer.out, f"{prefix}attention.output.dense")
            fill(layer.norm1, f"{prefix}attention.output.LayerNorm")
            fill(layer.widen, f"{prefix}intermediate.dense")
            fill(layer.narrow, f"{prefix}output.dense")
            fill(layer.norm2, f"{prefix}output.LayerNorm")
        for pool in (self.pool, self.early_pool, self.answer_pool):
            fill(pool, "pooler.dense")
        fill(self.relevance, "classifier")

    def forward(self, ids: Tensor, types: Tensor, mask: Tensor) -> Scores:
        """Reads a batch of pairs.

        Args:
            ids: (b, t) token ids.
            types: (b, t) 0 for the question, 1 for the passage.
            mask: (b, t) 1 for tokens, 0 for padding.
        """
        positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.word(ids) + self.position(positions)[None] + self.token_type(types))
        attended = mask[:, None, None, :].bool()
        early = x
        for n, layer in enumerate(self.layers, start=1):
            x = layer(x, attended)
            early = x if n == len(self.layers) // 2 else early
        spans = self.span(x).float()
        allowed = (types == 1) & (mask == 1)
        allowed[:, 0] = True
        start, end = (spans[..., n].masked_fill(~allowed, -1e4) for n in (0, 1))
        first = x[:, 0]
        half = self.early(torch.tanh(self.early_pool(early[:, 0]))).float()
        answers = self.answers(torch.tanh(self.answer_pool(first)))[:, 0].float()
        relevance = self.relevance(torch.tanh(self.pool(first)))[:, 0].float()
        return Scores(start, end, answers, relevance, half[:, 0], half[:, 1])
