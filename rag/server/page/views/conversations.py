"""Conversations as the page holds them: kept as JSON by each browser, exported as Markdown. Pure; it knows no Gradio.

What comes back from a browser may be anything: `from_text` takes what is whole, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from rag.records import Answer, Citation, Flag, Hit, Ranks, Status, Turn, Verdict
from rag.schemas.answers import AskJSON, ask_json
from rag.text.unicode_text import visible

_NAME = 100  # code points of a name
_TITLE = 60  # code points of a title made from the first question
_HITS = 3  # kept of each answer: those that an abstention names
_HIT_TEXT = 400
_SPECIAL = "\\`*_{}[]()#+!|~"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer; `problem` is what was said in place of one. `rating`: "good", "bad", or ""."""

    question: str
    answer: Answer | None = None
    problem: str = ""
    rating: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation; `begun` is ISO 8601, UTC."""

    id: str
    begun: str
    exchanges: tuple[Exchange, ...] = ()
    named: str = ""

    @property
    def title(self) -> str:
        """As its reader named it, else how it began."""
        begin = " ".join(self.exchanges[0].question.split()) if self.exchanges else "New conversation"
        return self.named or (begin if len(begin) <= _TITLE else f"{begin[:_TITLE].rstrip()}…")

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What a follow-up is understood by."""
        return tuple(Turn(one.question, one.answer.text) for one in self.exchanges if one.answer is not None)

    def with_exchange(self, exchange: Exchange) -> Talk:
        """With one more at its end."""
        return replace(self, exchanges=(*self.exchanges, exchange))

    def until(self, turn: int) -> Talk:
        """Without the exchange of that number, from 1, and what follows it."""
        return replace(self, exchanges=self.exchanges[: max(0, turn - 1)])

    def called(self, name: str) -> Talk:
        """With a name that its reader gave it."""
        return replace(self, named=" ".join(name.split())[:_NAME])

    def rated(self, turn: int, rating: str) -> Talk:
        """With a rating of one exchange."""
        changed = tuple(replace(one, rating=rating) if n == turn else one for n, one in enumerate(self.exchanges, start=1))
        return replace(self, exchanges=changed)


def to_json(talk: Talk) -> dict[str, Any]:
    """As a browser keeps it, `title` for its list; also its export."""
    return {
        "id": talk.id, "begun": talk.begun, "named": talk.named, "title": visible(talk.title),
        "exchanges": [
            {"question": one.question, "problem": one.problem, "rating": one.rating,
             "answer": None if one.answer is None else ask_json(_slim(one.answer))}
            for one in talk.exchanges
        ],
    }  # fmt: skip


def _slim(answer: Answer) -> Answer:
    hits = tuple(replace(hit, text=hit.text[:_HIT_TEXT]) for hit in answer.hits[:_HITS])
    return replace(answer, hits=hits, read=answer.read or len(answer.hits))


def from_text(kept: str) -> Talk | None:
    """A conversation that a browser kept; None if it is none."""
    try:
        return from_json(json.loads(kept))
    except (ValueError, RecursionError):
        return None


def from_json(kept: object) -> Talk | None:
    """The same, parsed."""
    try:
        talk = _talk(kept)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        return None
    return talk if talk.exchanges else None


def _talk(kept: Any) -> Talk:
    exchanges = [
        Exchange(
            _text(one["question"]), None if one["answer"] is None else _answer(one["answer"]), _text(one["problem"]),
            one["rating"] if one["rating"] in ("good", "bad") else "",
        )
        for one in kept["exchanges"]
    ]  # fmt: skip
    return Talk(_text(kept["id"])[:40], _text(kept["begun"])[:40], tuple(exchanges), _text(kept["named"])[:200])


def _answer(kept: AskJSON) -> Answer:
    if kept["status"] not in get_args(Status):
        raise ValueError(kept["status"])
    hits = tuple(
        Hit(
            _text(h["source"]), _text(h["title"]), _number(h["page"]), int(h["start"]), int(h["end"]), float(h["score"]),
            _text(h["text"]), _text(h["heading"]), _text(h["author"]), _text(h["date"]), Ranks(None, 0.0, None, None), 0,
        )
        for h in kept["hits"][:_HITS]
    )  # fmt: skip
    citations = tuple(Citation(**_fields(c, Citation), document_id=0) for c in kept["citations"])
    flags = tuple(Flag(**_fields(f, Flag)) for f in kept["flags"])
    return Answer(
        _text(kept["question"]), _text(kept["answer"]), kept["status"], citations, flags, hits,  # type: ignore[arg-type]
        float(kept["evidence"]), _text(kept["model"]), _text(kept["notice"]),
        {"total": float(kept["timings_ms"].get("total", 0.0))}, {}, _text(kept["searched"]), int(kept["read"]),
    )  # fmt: skip


def _fields(kept: Mapping[str, Any], record: type) -> dict[str, Any]:
    """The values of a record that has texts and numbers, each of its kind."""
    kinds: dict[str, Callable[[Any], object]] = {"int": int, "int | None": _number, "Verdict": _verdict}
    return {
        one.name: kinds.get(str(one.type), _text)(kept[one.name]) for one in fields(record) if one.name != "document_id"
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number(value: object) -> int | None:
    return None if value is None else int(value)  # type: ignore[call-overload]


def _verdict(value: object) -> str:
    if value not in get_args(Verdict):
        raise ValueError(value)
    return str(value)


def as_markdown(talk: Talk) -> str:
    """A conversation for others to read: questions, answers, numbered sources with their quotes."""
    return "\n\n".join([f"# {_plain(talk.title)}", *(exchange_as_markdown(one) for one in talk.exchanges)]) + "\n"


def exchange_as_markdown(exchange: Exchange) -> str:
    """One question and its answer with its sources. What documents or models wrote becomes no link, image or tag."""
    parts = [f"**{_plain(exchange.question)}**"]
    answer = exchange.answer
    if answer is None:
        return "\n\n".join([*parts, _plain(exchange.problem)])
    if answer.notice:
        parts.append(f"*{_plain(answer.notice)}*")
    parts += [_plain(line) for line in answer.text.split("\n") if line.strip()]
    parts += [
        f"⚑ {_plain(flag.said)}: {flag.verdict}{f' ({_plain(flag.note)})' if flag.note else ''}" for flag in answer.flags
    ]
    parts += [
        f"\\[{c.n}\\] {_plain(c.title)} ({_plain(', '.join(filter(None, (c.source, c.locator))))}): “{_plain(c.quote)}”"
        for c in answer.citations
    ]
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands."""
    one_line = " ".join(visible(text).split())
    escaped = "".join(f"\\{c}" if c in _SPECIAL else c for c in one_line)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("://", ":&#47;/")


def test_row(exchange: Exchange, number: str, expected: str, quote: str, source: str) -> dict[str, Any]:
    """An exchange that its reader found wrong as a row of a test set.

    Args:
        exchange: What was asked and answered.
        number: The row's id.
        expected: What the answer should have said; empty if the documents do not answer it.
        quote: The passage it should have rested on, as it stands in the document; may be empty.
        source: The document of that passage; empty if there is none.
    """
    row: dict[str, Any] = {"id": number, "question": exchange.question, "answerable": bool(expected)}
    if expected:
        row["answers"] = [expected]
    if expected and quote and source:
        row["evidence"] = [{"source": source, "quote": quote}]
    return row | {"type": "from the page"}
