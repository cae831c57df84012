"""LlamaIndex beside rag: its SentenceSplitter and its LLM objects in rag, and rag's search, answers and embedder in it.

The home of llama-index. Offsets come from the order of the pieces, never from a search, and each is checked.
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

from rag.errors import ModelError, ReadError
from rag.ports import Delta, Embedder
from rag.records import Filter, Hit, Passage
from rag.schemas.answers import ask_json

if TYPE_CHECKING:
    from rag.library import Library


class LlamaSentenceSplitter:
    """LlamaIndex's SentenceSplitter, counted in the embedder's tokens, with exact offsets.

    Args:
        passage_tokens: The largest size.
        overlap: Tokens that a passage shares with the one before.
        token_starts: Text → offset of each token, nothing truncated (else the splitter never returns).
    """

    def __init__(self, passage_tokens: int, overlap: int, token_starts: Callable[[str], Sequence[int]]) -> None:
        self.name = f"llamaindex-{passage_tokens}-{overlap}"
        self._splitter = SentenceSplitter(
            chunk_size=passage_tokens, chunk_overlap=overlap, tokenizer=lambda text: list(token_starts(text))
        )

    def split(self, text: str, markdown: bool) -> Iterator[Passage]:  # noqa: ARG002  # headings are not its concern
        """Yields the passages in order.

        Raises:
            ReadError: A piece is not a part of the text, which is the splitter's fault.
        """
        begin = end = 0
        for piece in self._splitter.split_text(text):
            # A piece begins after the one before began, and, with overlap, no later than right behind its end.
            start = text.find(piece, begin)
            if start < 0 or text[end:start].strip():
                raise ReadError("LlamaIndex's splitter changed the text", "use the splitter of rag")
            begin, end = start + 1, start + len(piece)
            yield Passage(start, end)


class LlamaIndexChatModel:
    """Any LlamaIndex LLM as the chat model of a library: `Library.open(…, chat_model=LlamaIndexChatModel(llm))`.

    Args:
        llm: An object with `stream_chat` and `metadata.model_name`.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self.name = str(llm.metadata.model_name)
        self.address = type(llm).__name__

    def stream(self, messages: Sequence[tuple[str, str]]) -> Iterator[Delta]:
        """Streams the reply.

        Raises:
            ModelError: The LLM failed; its own words may hold a key and are not repeated.
        """
        try:
            for reply in self._llm.stream_chat([ChatMessage(role=role, content=content) for role, content in messages]):
                if reply.delta:
                    yield Delta(reply.delta)
        except Exception as error:  # every integration raises its own
            raise ModelError(f"{self.name} failed ({type(error).__name__})", "ask again, or check its settings") from error
        yield Delta(finish="stop")


class RagRetriever(BaseRetriever):
    """A library as a LlamaIndex retriever: `RetrieverQueryEngine(RagRetriever(library))`.

    Each node has the passage's source, page, start and end in its metadata, so that it can be cited to the character.

    Args:
        library: Who is searched.
        k: Most passages; the library's setting if left out.
        filters: Which documents to look in; all if left out.
    """

    def __init__(self, library: Library, k: int | None = None, filters: Filter | None = None) -> None:
        self._library = library
        self._k = k
        self._filters = filters
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self._library.search(query_bundle.query_str, self._k, filters=self._filters)
        return [NodeWithScore(node=_node(hit), score=hit.score) for hit in hits]


class RagQueryEngine(CustomQueryEngine):
    """A library as a LlamaIndex query engine. Its response's metadata has the answer's status, citations and flags.

    Args:
        library: Who is asked.
        k: Most passages; the library's setting if left out.
    """

    library: Any
    k: int | None = None

    def custom_query(self, query_str: str) -> Response:
        """Answers, and says on what it rests."""
        answer = self.library.ask(query_str, k=self.k)
        nodes = [NodeWithScore(node=_node(hit), score=hit.score) for hit in answer.hits]
        return Response(answer.text, nodes, dict(ask_json(answer)))


class RagEmbedding(BaseEmbedding):
    """The embedder that is shipped with rag, as a LlamaIndex embedding: `VectorStoreIndex(nodes, embed_model=…)`.

    Args:
        embedder: Such as `MiniLM()`.
    """

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder, **settings: Any) -> None:
        super().__init__(model_name=embedder.name, **settings)
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex writes it down."""
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


def _node(hit: Hit) -> TextNode:
    """A passage as LlamaIndex knows it; its metadata is for people and programs, not for embedding."""
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
