"""How much of a question some texts take up, token by token.

Each token of the question is held against its nearest token in a text: what the text leaves out, or says of something else,
has no near one, however alike both are as wholes. It chooses nothing.

Source: Khattab & Zaharia, ColBERT, SIGIR 2020 (late interaction), here with the tokens of a sentence embedder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rag.ports import TokenEmbedder
from rag.text.terms import located_terms


class Alignment:
    """A question held against some texts; texts go by their numbers.

    Args:
        question: What is asked.
        texts: What may answer it.
        idf: Word of the question → how much it tells.
        embedder: Embeds the tokens of both.
    """

    def __init__(self, question: str, texts: Sequence[str], idf: Mapping[str, float], embedder: TokenEmbedder) -> None:
        asked, *read = embedder.embed_tokens([question, *texts])
        # (n, q): the cosine of each token of the question with its nearest in each text; 0 where a text has none.
        self._nearest = np.zeros((len(texts), max(1, len(asked.vectors))), np.float32)
        with_tokens = [text for text, tokens in enumerate(read) if len(tokens.vectors)]
        if with_tokens and len(asked.vectors):
            begins = np.cumsum([0, *(len(read[text].vectors) for text in with_tokens[:-1])])
            # Not by BLAS: its threads go on spinning when they are done, and the model's next run takes half as long again.
            cosines = np.einsum("qd,td->qt", asked.vectors, np.concatenate([read[text].vectors for text in with_tokens]))
            self._nearest[with_tokens] = np.maximum.reduceat(cosines, begins, axis=1).T
        self._weights = _weights(question, asked.starts, idf) if len(asked.vectors) else np.zeros(1, np.float32)

    def matched(self, texts: Iterable[int]) -> float:
        """The mean over the question's tokens of how near the nearest in any of these texts is, in [-1, 1]."""
        return float(self._near(texts).mean())

    def least_matched(self, texts: Iterable[int]) -> float:
        """The same of the token that is matched worst."""
        return float(self._near(texts).min())

    def told(self, texts: Iterable[int]) -> float:
        """The mean by how much each token's word tells; 0 if none tells anything."""
        total = float(self._weights.sum())
        return float(self._near(texts) @ self._weights) / total if total else 0.0

    def _near(self, texts: Iterable[int]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._nearest[list(texts)].max(axis=0)
        return found


def _weights(question: str, starts: Sequence[int], idf: Mapping[str, float]) -> NDArray[np.float32]:
    """How much each token of a question tells, (q,): a word's rarity, shared out among its tokens; 0 for the others."""
    words = list(located_terms(question))
    tokens_of: list[list[int]] = [[] for _ in words]
    at = -1  # the last word that begins before a token
    for token, start in enumerate(starts):
        while at + 1 < len(words) and words[at + 1][0] <= start:
            at += 1
        if at >= 0 and question[words[at][0] : start + 1].isalnum():
            tokens_of[at].append(token)
    weights = np.zeros(len(starts), np.float32)
    for (_, word), tokens in zip(words, tokens_of, strict=True):
        weights[tokens] = idf.get(word, 0.0) / max(1, len(tokens))
    return weights
