"""Turns texts into vectors with an OpenAI-compatible embeddings endpoint.

Replies are checked before their vectors are used. Requests run in an event loop in a separate thread, where they can be
cancelled even while a reply is arriving slowly.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import openai
from numpy.typing import NDArray

from rag.errors import EmbedderError

_TEXTS_PER_CALL = 256
_CONNECT_S = 5.0


class EndpointEmbedder:
    """An embeddings endpoint. Safe to share between threads.

    Args:
        model: The model's name on the server.
        base_url: The server's address, for example "http://127.0.0.1:11434/v1"; empty for OpenAI itself.
        api_key: The API key, which is sent as the bearer token.
        question_s: Time limit in seconds for embedding a single text. If a question takes longer, only keywords are
            searched.
        batch_s: Time limit in seconds for each try to embed several texts.
        tries: Maximum number of tries to embed several texts when the server is busy, fails, or cannot be reached.
    """

    languages: frozenset[str] = frozenset()  # unknown, because the server does not report which languages a model supports

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key: str,
        *,
        question_s: float = 10.0,
        batch_s: float = 60.0,
        tries: int = 3,
    ) -> None:
        self._model = model
        self._question_s = question_s
        self._batch_s = batch_s
        self._tries = tries
        timeout = openai.Timeout(batch_s, connect=_CONNECT_S)
        # Redirects are not followed, so that the text goes only to the configured host.
        http = openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False)
        self._client = openai.AsyncOpenAI(
            base_url=base_url or None, api_key=api_key or "none", timeout=timeout, http_client=http
        )
        where = hashlib.sha256(str(self._client.base_url).encode()).hexdigest()[:8]
        self.name = f"openai:{model}@{where}"

    @cached_property
    def dimension(self) -> int:
        """The number of dimensions of the vectors, determined by embedding one word."""
        return int(self._call(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeds texts. Returns an (n, d) float32 array of unit vectors, in the order of the texts.

        Raises:
            EmbedderError: The endpoint failed, took too long, or did not send one finite vector per text.
        """
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        parts = [self._call(texts[i : i + _TEXTS_PER_CALL]) for i in range(0, len(texts), _TEXTS_PER_CALL)]
        dimensions = {part.shape[1] for part in parts}
        if len(dimensions) > 1:
            raise EmbedderError(
                f"{self._host} sent vectors with different dimensions: {sorted(dimensions)}", "check the embeddings server"
            )
        return np.concatenate(parts)

    def _call(self, texts: Sequence[str]) -> NDArray[np.float32]:
        limit_s, tries = (self._question_s, 1) if len(texts) == 1 else (self._batch_s, self._tries)
        request = self._request(texts, limit_s * tries, tries - 1)
        try:
            vectors = asyncio.run_coroutine_threadsafe(request, self._loop).result()
        except openai.AuthenticationError:
            raise EmbedderError(
                f"{self._host} rejected the API key", "check OPENAI_API_KEY, or use the built-in embedder"
            ) from None
        except (TimeoutError, openai.APITimeoutError):
            raise EmbedderError(
                f"{self._host} sent no embeddings within {limit_s * tries:g} s",
                "use a faster server, or the built-in embedder",
            ) from None
        except Exception as error:  # a malformed reply may cause any exception, whose message may contain the key
            raise EmbedderError(
                f"{self._host} sent no embeddings ({type(error).__name__})",
                f"check that the server is running and offers the model {self._model!r}",
            ) from None
        if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
            raise EmbedderError(
                f"{self._host} did not send one vector of finite numbers for each of the {len(texts)} texts",
                "check the embeddings server",
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not lengths.all():
            raise EmbedderError(f"{self._host} sent a vector that contains only zeros", "check the embeddings server")
        return np.asarray(vectors / lengths, np.float32)

    async def _request(self, texts: Sequence[str], limit_s: float, retries: int) -> NDArray[np.float32]:
        async with asyncio.timeout(limit_s):
            reply = await self._client.with_options(max_retries=retries).embeddings.create(
                model=self._model, input=[text or " " for text in texts], encoding_format="float"
            )
        return np.array([row.embedding for row in sorted(reply.data, key=lambda row: row.index)], np.float32)

    @property
    def _host(self) -> str:
        return self._client.base_url.host

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        threading.Thread(target=loop.run_forever, name="embeddings", daemon=True).start()
        return loop
