"""Measures, token by token, how much of a question is covered by one or more texts.

Each token in the question is compared with the most similar token in a text. This shows when nothing in the text is similar
to some token, even if the question and the text are similar as a whole. This module scores texts; it does not choose among
them.

Source: Khattab & Zaharia, ColBERT, SIGIR 2020 (late interaction), applied here to the token vectors of a sentence embedder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.ports import TokenEmbedder
from rag.text.terms import located_terms


class Alignment:
    """The similarities between the tokens in a question and in several texts. Methods refer to the texts by index.

    Args:
        question: The question.
        texts: Texts that may answer it.
        idf: Inverse document frequency (idf) of each stem in the question, in (0, 1].
        embedder: Embeds the tokens in the question and in the texts.
    """

    def __init__(self, question: str, texts: Sequence[str], idf: Mapping[str, float], embedder: TokenEmbedder) -> None:
        tokens, *text_tokens = embedder.embed_tokens([question, *texts])
        # (n, q): for each text and question token, the highest cosine with a token in the text; 0 for an empty text.
        self._similarity = np.zeros((len(texts), max(1, len(tokens.vectors))), np.float32)
        self._weights = np.zeros(1, np.float32)
        if not len(tokens.vectors):
            return
        self._weights = _token_weights(question, tokens.starts, idf)
        vectors = {n: of_text.vectors for n, of_text in enumerate(text_tokens) if len(of_text.vectors)}
        if vectors:
            starts = np.cumsum([0, *map(len, vectors.values())])[:-1]
            # BLAS is avoided: its threads keep spinning after they finish, which makes the model's next run 50 % slower.
            cosines = np.einsum("qd,td->qt", tokens.vectors, np.concatenate(list(vectors.values())))
            self._similarity[list(vectors)] = np.maximum.reduceat(cosines, starts, axis=1).T

    def mean(self, texts: Iterable[int]) -> float:
        """Returns the mean similarity, in [-1, 1], between each question token and the closest token in these texts."""
        return float(self._best_matches(texts).mean())

    def minimum(self, texts: Iterable[int]) -> float:
        """Returns the lowest similarity, in [-1, 1], between a question token and the closest token in these texts."""
        return float(self._best_matches(texts).min())

    def idf_weighted_mean(self, texts: Iterable[int]) -> float:
        """Like `mean`, but weights each token by the idf of its word; returns 0 if all weights are 0."""
        total = float(self._weights.sum())
        return float(self._best_matches(texts) @ self._weights) / total if total else 0.0

    def _best_matches(self, texts: Iterable[int]) -> NDArray[np.float32]:
        best: NDArray[np.float32] = self._similarity[list(texts)].max(axis=0)
        return best


def _token_weights(question: str, starts: Sequence[int], idf: Mapping[str, float]) -> NDArray[np.float32]:
    """Returns the weights of the tokens in a question, as a (q,) array.

    The idf of each term is divided equally among the tokens of its word. Tokens that belong to no term have weight 0.
    """
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
