"""Conversations, which browsers store as JSON and users can export as Markdown. Has no side effects.

Because JSON from a browser may contain anything, `from_text` accepts only well-formed conversations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from rag.answering.extraction import closest_sentence
from rag.records import Answer, Citation, Flag, Hit, Ranks, Status, Turn, Verdict
from rag.schemas.answers import ask_json
from rag.text.unicode_text import strip_invisible

FEEDBACK_FILE = "feedback.jsonl"  # test set in the index folder, with the questions whose answers users rated as wrong
_MAX_NAME = 100  # maximum number of code points in a name
_MAX_TITLE = 60  # maximum number of code points in a title that is taken from the first question
_STORED_HITS = 3  # number of passages stored per answer; if rag abstained, the page lists them
_STORED_HIT_CHARACTERS = 400
_MARKDOWN_SPECIAL = "\\`*_{}[]()#+!|~"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer, or the reason why there is no answer.

    Attributes:
        question: The question.
        answer: The answer; None if answering failed.
        problem: The message that is shown if answering failed; otherwise empty.
        rating: The user's rating, "good" or "bad"; empty if the user has not rated the answer.
    """

    question: str
    answer: Answer | None = None
    problem: str = ""
    rating: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation between a user and rag.

    Attributes:
        id: A random id; empty for a new conversation without any questions.
        started: The time at which the first question was asked (UTC, in ISO 8601 format).
        exchanges: The questions and answers, oldest first.
        name: The name given by the user; empty if the user has not named the conversation.
    """

    id: str
    started: str
    exchanges: tuple[Exchange, ...] = ()
    name: str = ""

    @property
    def title(self) -> str:
        """The conversation's name or, if it has none, the beginning of the first question."""
        question = " ".join(self.exchanges[0].question.split()) if self.exchanges else "New conversation"
        return self.name or (question if len(question) <= _MAX_TITLE else f"{question[:_MAX_TITLE].rstrip()}…")

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The answered exchanges, which serve as the history for a follow-up question."""
        return tuple(Turn(exchange.question, exchange.answer.text) for exchange in self.exchanges if exchange.answer)

    def with_exchange(self, exchange: Exchange) -> Conversation:
        """Returns the conversation with another exchange added at the end."""
        return replace(self, exchanges=(*self.exchanges, exchange))

    def before(self, turn: int) -> Conversation:
        """Returns the conversation up to, but not including, the exchange with the given number (starting at 1)."""
        return replace(self, exchanges=self.exchanges[: max(0, turn - 1)])

    def with_name(self, name: str) -> Conversation:
        """Returns the conversation with a different name."""
        return replace(self, name=" ".join(name.split())[:_MAX_NAME])

    def with_rating(self, turn: int, rating: str) -> Conversation:
        """Returns the conversation with a rating for the exchange with the given number (starting at 1)."""
        rated = (replace(one, rating=rating) if n == turn else one for n, one in enumerate(self.exchanges, start=1))
        return replace(self, exchanges=tuple(rated))


def to_json(conversation: Conversation) -> dict[str, Any]:
    """Returns a conversation's JSON form for storage and export. The conversation list shows the `title` field."""
    return {
        "id": conversation.id,
        "begun": conversation.started,
        "named": conversation.name,
        "title": strip_invisible(conversation.title),
        "exchanges": [_exchange_json(exchange) for exchange in conversation.exchanges],
    }


def _exchange_json(exchange: Exchange) -> dict[str, Any]:
    return {
        "question": exchange.question,
        "problem": exchange.problem,
        "rating": exchange.rating,
        "answer": None if exchange.answer is None else ask_json(_without_unshown_hits(exchange.answer)),
    }


def _without_unshown_hits(answer: Answer) -> Answer:
    closest = (closest_sentence(hit) for hit in answer.hits[:_STORED_HITS])
    hits = tuple(replace(hit, text=hit.text[:_STORED_HIT_CHARACTERS]) for hit in closest)
    return replace(answer, hits=hits, read=answer.read or len(answer.hits))


def from_text(text: str) -> Conversation | None:
    """Parses JSON text that a browser stored; returns None if it is not a valid conversation."""
    try:
        return from_json(json.loads(text))
    except (ValueError, RecursionError):
        return None


def from_json(value: object) -> Conversation | None:
    """Converts parsed JSON to a conversation; returns None if it is not a valid conversation or contains no exchanges."""
    try:
        conversation = _parse_conversation(value)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None
    return conversation if conversation.exchanges else None


def _parse_conversation(value: Any) -> Conversation:
    return Conversation(
        id=_text(value["id"])[:40],
        started=_text(value["begun"])[:40],
        exchanges=tuple(_parse_exchange(one) for one in value["exchanges"]),
        name=_text(value["named"])[:200],
    )


def _parse_exchange(value: Any) -> Exchange:
    return Exchange(
        question=_text(value["question"]),
        answer=None if value["answer"] is None else _parse_answer(value["answer"]),
        problem=_text(value["problem"]),
        rating=value["rating"] if value["rating"] in ("good", "bad") else "",
    )


def _parse_answer(value: Mapping[str, Any]) -> Answer:
    if value["status"] not in get_args(Status):
        raise ValueError(value["status"])
    return Answer(
        question=_text(value["question"]),
        text=_text(value["answer"]),
        status=value["status"],
        citations=tuple(Citation(**_parse_fields(one, Citation), document_id=0) for one in value["citations"]),
        flags=tuple(Flag(**_parse_fields(one, Flag)) for one in value["flags"]),
        hits=tuple(_parse_hit(one) for one in value["hits"][:_STORED_HITS]),
        evidence=float(value["evidence"]),
        model=_text(value["model"]),
        notice=_text(value["notice"]),
        timings_ms={"total": float(value["timings_ms"].get("total", 0.0))},
        searched=_text(value["searched"]),
        read=int(value["read"]),
    )


def _parse_hit(value: Mapping[str, Any]) -> Hit:
    return Hit(
        source=_text(value["source"]),
        title=_text(value["title"]),
        page=_number(value["page"]),
        start=int(value["start"]),
        end=int(value["end"]),
        score=float(value["score"]),
        text=_text(value["text"]),
        heading=_text(value["heading"]),
        author=_text(value["author"]),
        date=_text(value["date"]),
        ranks=Ranks(dense=None, lexical=0.0, dense_rank=None, lexical_rank=None),
        document_id=0,
    )


def _parse_fields(value: Mapping[str, Any], record: type) -> dict[str, Any]:
    """Checks the types of a record's fields, which are strings and numbers. Returns all fields except `document_id`."""
    parsers: dict[str, Callable[[Any], object]] = {"int": int, "int | None": _number, "Verdict": _verdict}
    return {
        field.name: parsers.get(str(field.type), _text)(value[field.name])
        for field in fields(record)
        if field.name != "document_id"
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int | None:
    return None if value is None else int(value)  # type: ignore[call-overload]  # `from_json` handles a TypeError


def _verdict(value: object) -> str:
    if value not in get_args(Verdict):
        raise ValueError(value)
    return str(value)


def as_markdown(conversation: Conversation) -> str:
    """Returns a conversation as Markdown, with its questions, answers, numbered sources and quotations."""
    parts = [f"# {_escaped_markdown(conversation.title)}", *map(exchange_as_markdown, conversation.exchanges)]
    return "\n\n".join(parts) + "\n"


def exchange_as_markdown(exchange: Exchange) -> str:
    """Returns a question, its answer and the sources as Markdown. Untrusted text cannot create links, images or tags."""
    parts = [f"**{_escaped_markdown(exchange.question)}**"]
    answer = exchange.answer
    if answer is None:
        return "\n\n".join([*parts, _escaped_markdown(exchange.problem)])
    if answer.notice:
        parts.append(f"*{_escaped_markdown(answer.notice)}*")
    parts += [_escaped_markdown(line) for line in answer.text.split("\n") if line.strip()]
    parts += [_flag_as_markdown(flag) for flag in answer.flags]
    parts += [_citation_as_markdown(citation) for citation in answer.citations]
    return "\n\n".join(parts)


def _flag_as_markdown(flag: Flag) -> str:
    note = f" ({_escaped_markdown(flag.note)})" if flag.note else ""
    return f"⚑ {_escaped_markdown(flag.said)}: {flag.verdict}{note}"


def _citation_as_markdown(citation: Citation) -> str:
    place = ", ".join(filter(None, (citation.source, citation.locator)))
    title, quote = _escaped_markdown(citation.title), _escaped_markdown(citation.quote)
    return f"\\[{citation.n}\\] {title} ({_escaped_markdown(place)}): “{quote}”"


def _escaped_markdown(text: str) -> str:
    """Returns the text on one line, escaped so that Markdown shows it literally."""
    line = " ".join(strip_invisible(text).split())
    escaped = "".join(f"\\{c}" if c in _MARKDOWN_SPECIAL else c for c in line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("://", ":&#47;/")


def feedback_row(exchange: Exchange, row_id: str, expected: str, quote: str, source: str) -> dict[str, Any]:
    """Converts an exchange whose answer was rated as wrong into a row for a test set.

    Args:
        exchange: The exchange.
        row_id: The row's id.
        expected: What the answer should say; empty if the documents do not answer the question.
        quote: The passage that supports the expected answer, in its exact words; may be empty.
        source: The source of the document that contains the passage; empty if no passage is given.
    """
    row: dict[str, Any] = {"id": row_id, "question": exchange.question, "answerable": bool(expected)}
    if expected:
        row["answers"] = [expected]
    if expected and quote and source:
        row["evidence"] = [{"source": source, "quote": quote}]
    return row | {"type": "from the page"}
