"""Connects rag and LlamaIndex: rag can use LlamaIndex's splitter and LLMs; LlamaIndex can use rag's search and embedder.

No other module imports llama-index. All async methods do their work in threads, so that the event loop is not blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import Response
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import CustomQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from rag.async_library import AsyncLibrary
from rag.errors import ModelError, ReadError
from rag.ports import Delta, Embedder
from rag.records import Answer, Filter, Hit, Passage
from rag.schemas.answers import ask_json

if TYPE_CHECKING:
    from rag.library import Library


class LlamaSentenceSplitter:
    """Uses LlamaIndex's SentenceSplitter as rag's splitter, and finds the exact offsets of each passage.

    Args:
        passage_tokens: Maximum passage size, in the embedder's tokens.
        overlap: Number of tokens that a passage shares with the previous one.
        token_starts: Function that returns the offset of each of the embedder's tokens in a text. It must not truncate
            texts; if it does, `split` never ends.
    """

    def __init__(self, passage_tokens: int, overlap: int, token_starts: Callable[[str], Sequence[int]]) -> None:
        self.name = f"llamaindex-{passage_tokens}-{overlap}"
        self._splitter = SentenceSplitter(
            chunk_size=passage_tokens, chunk_overlap=overlap, tokenizer=lambda text: list(token_starts(text))
        )

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:  # noqa: ARG002  # this splitter ignores headings
        """Yields the passages in order.

        Raises:
            ReadError: LlamaIndex's splitter returned a piece that is not part of the text.
        """
        search_from = end = 0
        for piece in self._splitter.split_text(text):
            # Each piece starts after the start of the previous piece, but no later than its end, apart from white space.
            start = text.find(piece, search_from)
            if start < 0 or text[end:start].strip():
                raise ReadError("LlamaIndex's splitter changed the text", "use rag's own splitter")
            search_from, end = start + 1, start + len(piece)
            yield Passage(start, end)


class LlamaIndexChatModel:
    """Lets a library use a LlamaIndex LLM as its chat model: `Library.open(…, chat_model=LlamaIndexChatModel(llm))`.

    Args:
        llm: Any LlamaIndex LLM: an object with `stream_chat` and `metadata.model_name`.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self.name = str(llm.metadata.model_name)
        self.address = type(llm).__name__

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply.

        Raises:
            ModelError: The LLM failed. Its own error message is not repeated, because it may contain an API key.
        """
        try:
            for reply in self._llm.stream_chat([ChatMessage(role=role, content=content) for role, content in messages]):
                if reply.delta:
                    yield Delta(reply.delta)
        except Exception as error:  # each LLM integration raises its own errors
            raise ModelError(
                f"{self.name} failed ({type(error).__name__})", "ask again, or check the model's settings"
            ) from error
        yield Delta(finish="stop")


class RagRetriever(BaseRetriever):
    """Lets LlamaIndex use a library as a retriever: `RetrieverQueryEngine(RagRetriever(library))`.

    Each node's metadata contains the passage's source, page, start and end, which is enough to cite exact characters.

    Args:
        library: The library to search.
        k: Number of passages; defaults to the library's setting.
        filters: Which documents to search; defaults to all.
    """

    def __init__(self, library: Library, k: int | None = None, filters: Filter | None = None) -> None:
        self._library = library
        self._k = k
        self._filters = filters
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return _nodes(self._library.search(query_bundle.query_str, self._k, filters=self._filters))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        library = AsyncLibrary(self._library)
        return _nodes(await library.search(query_bundle.query_str, self._k, filters=self._filters))


class RagQueryEngine(CustomQueryEngine):
    """Lets LlamaIndex use a library as a query engine.

    The metadata of each response contains the answer's status, citations and flags.

    Args:
        library: The library to ask.
        k: Maximum number of passages used for an answer; defaults to the library's setting.
    """

    library: Any
    k: int | None = None

    def custom_query(self, query_str: str) -> Response:
        """Returns the answer, with the passages found for it as source nodes."""
        return _response(self.library.ask(query_str, k=self.k))

    async def acustom_query(self, query_str: str) -> Response:
        """Like `custom_query`, but does not block the event loop. Cancelling the call stops the model."""
        return _response(await AsyncLibrary(self.library).ask(query_str, k=self.k))


class RagEmbedding(BaseEmbedding):
    """Lets LlamaIndex use an embedder from rag: `VectorStoreIndex(nodes, embed_model=RagEmbedding(MiniLM()))`.

    Args:
        embedder: The embedder, such as `MiniLM()`.
        settings: LlamaIndex's options for embeddings, such as `embed_batch_size`.
    """

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder, **settings: Any) -> None:
        super().__init__(model_name=embedder.name, **settings)
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        """Returns the name that LlamaIndex uses for this class in serialised data."""
        return "RagEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._embedder.embed(texts).tolist()
        return rows

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def _response(answer: Answer) -> Response:
    return Response(response=answer.text, source_nodes=_nodes(answer.hits), metadata=dict(ask_json(answer)))


def _nodes(hits: Sequence[Hit]) -> list[NodeWithScore]:
    return [NodeWithScore(node=_node(hit), score=hit.score) for hit in hits]


def _node(hit: Hit) -> TextNode:
    """Turns a passage into a node. The node's metadata is not embedded; a language model sees only its source and date."""
    about = {name: getattr(hit, name) for name in ("source", "title", "page", "start", "end", "author", "date")}
    return TextNode(
        id_=f"{hit.source}:{hit.start}-{hit.end}",
        text=hit.text,
        metadata=about,
        start_char_idx=hit.start,
        end_char_idx=hit.end,
        excluded_embed_metadata_keys=list(about),
        excluded_llm_metadata_keys=[name for name in about if name not in ("source", "date")],
    )
