"""Measures how much of a question some texts cover, token by token.

Each token of the question is compared with its most similar token in a text. A token that the text does not cover has no
similar one, even if question and text are similar as a whole. This module scores texts; it does not choose among them.

Source: Khattab & Zaharia, ColBERT, SIGIR 2020 (late interaction), here with the tokens of a sentence embedder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.ports import TokenEmbedder
from rag.text.terms import located_terms


class Alignment:
    """The token similarities of a question and some texts, which are referred to by index.

    Args:
        question: The question.
        texts: Texts that may answer it.
        idf: Stem of the question → idf, in (0, 1].
        embedder: Embeds the tokens of both.
    """

    def __init__(self, question: str, texts: Sequence[str], idf: Mapping[str, float], embedder: TokenEmbedder) -> None:
        tokens, *text_tokens = embedder.embed_tokens([question, *texts])
        # (n, q): the highest cosine of each token of the question with any token of each text; 0 for a text without tokens.
        self._similarity = np.zeros((len(texts), max(1, len(tokens.vectors))), np.float32)
        self._weights = np.zeros(1, np.float32)
        if not len(tokens.vectors):
            return
        self._weights = _token_weights(question, tokens.starts, idf)
        vectors = {n: of_text.vectors for n, of_text in enumerate(text_tokens) if len(of_text.vectors)}
        if vectors:
            starts = np.cumsum([0, *map(len, vectors.values())])[:-1]
            # Not by BLAS: its threads keep spinning when they are done, and the model's next run takes half as long again.
            cosines = np.einsum("qd,td->qt", tokens.vectors, np.concatenate(list(vectors.values())))
            self._similarity[list(vectors)] = np.maximum.reduceat(cosines, starts, axis=1).T

    def mean(self, texts: Iterable[int]) -> float:
        """Returns the mean over the question's tokens of their highest similarity in any of these texts, in [-1, 1]."""
        return float(self._best_matches(texts).mean())

    def minimum(self, texts: Iterable[int]) -> float:
        """Returns the same similarity of the token that is covered worst, in [-1, 1]."""
        return float(self._best_matches(texts).min())

    def idf_weighted_mean(self, texts: Iterable[int]) -> float:
        """Returns the same mean with tokens weighted by the idf of their words; 0 if all weights are 0."""
        total = float(self._weights.sum())
        return float(self._best_matches(texts) @ self._weights) / total if total else 0.0

    def _best_matches(self, texts: Iterable[int]) -> NDArray[np.float32]:
        best: NDArray[np.float32] = self._similarity[list(texts)].max(axis=0)
        return best


def _token_weights(question: str, starts: Sequence[int], idf: Mapping[str, float]) -> NDArray[np.float32]:
    """Returns the weight of each token of a question, (q,): its word's idf divided among the word's tokens, or 0."""
    words = list(located_terms(question))
    tokens_of: list[list[int]] = [[] for _ in words]
    current = -1  # index of the last word that begins at or before the token
    for token, start in enumerate(starts):
        while current + 1 < len(words) and words[current + 1][0] <= start:
            current += 1
        if current >= 0 and question[words[current][0] : start + 1].isalnum():
            tokens_of[current].append(token)
    weights = np.zeros(len(starts), np.float32)
    for (_, term), tokens in zip(words, tokens_of, strict=True):
        weights[tokens] = idf.get(term, 0.0) / max(1, len(tokens))
    return weights
