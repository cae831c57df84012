"""The room where questions are asked: conversation, sources beside it, conversations kept by the browser. Thin handlers.

All state that belongs to a reader is handed in and out; nothing of it is kept here.
"""

from __future__ import annotations

import glob
import json
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import gradio as gr

from rag.answer import Finished, Sources
from rag.errors import RagError
from rag.library import Library
from rag.page import shelf, show, sources, talk
from rag.page.talk import Exchange, Talk
from rag.records import Answer, Citation, Filter
from rag.trace import SavedCitation

AT_ONCE = 20  # questions answered side by side; more wait
_FIRST_DOCUMENTS_S = 10.0
_DRAWN_AFTER_S = 0.08  # an answer is drawn no more often: a drawing takes a browser some 20 ms

Messages = list[dict[str, str]]
FEEDBACK = "feedback.jsonl"  # in the index: answers that readers found wrong, as a test set
QUIET: Mapping[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
MARKUP: Mapping[str, Any] = {"latex_delimiters": [], "sanitize_html": True}
HIDDEN = ["unseen"]  # a class: nobody sees it, and the script finds it


class AskRoom:
    """Its handlers and components.

    Args:
        library: What is asked.
        in_step: Set once its folder was looked at; until then a question to an empty library waits a while.
    """

    def __init__(self, library: Library, in_step: threading.Event | None = None) -> None:
        self._library = library
        self._in_step = in_step

    def build(self, page: gr.Blocks) -> None:
        """Lays the room out."""
        talked, editing, parts, unfinished = gr.State(Talk("", "")), gr.State(0), gr.State([]), gr.State(None)
        key = f"rag-talks-{self._library.folder.resolve()}"
        kept = gr.BrowserState([], storage_key=key, secret=key)  # no secret: it is kept where the page is shown
        with gr.Row(elem_id="room"):
            with gr.Column(scale=0, min_width=210, elem_id="talks"):
                new = gr.Button("New conversation", size="sm", elem_id="new")
                wanted = gr.Textbox("", show_label=False, label="Search conversations", placeholder="Search conversations",
                                    elem_id="find-talk", container=False)  # fmt: skip
                talks = gr.Markdown("", elem_id="kept", **MARKUP)
                with gr.Accordion("This conversation", open=False, elem_id="this-talk"):
                    name = gr.Textbox("", label="Name", elem_id="rename", max_length=100)
                    as_markdown = gr.Button("Save as Markdown", size="sm", elem_id="export-markdown")
                    as_json = gr.Button("Save as JSON", size="sm", elem_id="export-json")
                    drop = gr.Button("Delete", size="sm", elem_id="drop-talk")
            with gr.Column(scale=5, elem_id="conversation"):
                chat = gr.Chatbot(
                    show_label=False, label="Conversation", elem_id="chat", height="calc(100vh - 330px)", buttons=[],
                    layout="panel", render_markdown=True, allow_tags=False, placeholder=self._invitation(), **MARKUP,
                )  # fmt: skip
                with gr.Row(elem_id="asking"):
                    question = gr.Textbox(
                        "",
                        show_label=False, label="Question", placeholder="Ask your documents…", lines=1, max_lines=6,
                        scale=8, autofocus=True, elem_id="question", max_length=8000,
                    )  # fmt: skip
                    send = gr.Button("Ask", variant="primary", scale=0, min_width=72, elem_id="send")
                    stop = gr.Button("Stop", scale=0, min_width=72, elem_id="stop", visible=False)
                told = gr.Markdown("", elem_id="told", **MARKUP)
                with gr.Accordion("Ask all documents", open=False, elem_id="scope"):
                    only = gr.Dropdown(self._names(), label="Only these documents", multiselect=True, elem_id="only")
                    with gr.Row():
                        since = gr.Textbox(
                            "", label="From (date)", placeholder="2025-01-31", elem_id="since", max_length=10
                        )
                        until = gr.Textbox(
                            "", label="Until (date)", placeholder="2025-12-31", elem_id="until", max_length=10
                        )
                examples = gr.Markdown(self._examples(), elem_id="examples", **MARKUP)
                with gr.Group(visible=False, elem_id="feedback") as feedback:
                    rated = gr.State(0)
                    expected = gr.Textbox("", label="What should it have said? Empty if the documents do not answer it.",
                                          elem_id="expected")  # fmt: skip
                    passage = gr.Textbox("", label="Which passage says so? (optional; its own words)", lines=2,
                                         elem_id="passage")  # fmt: skip
                    with gr.Row():
                        save = gr.Button("Save as a test question", size="sm", elem_id="save-feedback")
                        leave = gr.Button("Leave it", size="sm")
            with gr.Column(scale=4, elem_id="beside"):
                gr.Markdown(_BAR, elem_id="bar", **MARKUP)
                source = gr.Markdown("", elem_id="source", **MARKUP)
        gr.Markdown(_KEYS, elem_id="keys", **MARKUP)
        do = gr.Textbox("", show_label=False, elem_id="do", elem_classes=HIDDEN)
        do_talk = gr.Textbox("", show_label=False, elem_id="do-talk", elem_classes=HIDDEN)
        saved = gr.Markdown("", elem_id="saved", elem_classes=HIDDEN, **MARKUP)

        outputs = [chat, source, question, talked, parts, editing, told, unfinished, send, stop]
        scope = [only, since, until]
        asking: dict[str, Any] = {"concurrency_limit": AT_ONCE, **QUIET}
        asked = gr.on(
            [question.submit, send.click], self.ask, [question, talked, parts, editing, *scope], outputs, **asking
        )
        done = do.change(self.act, [do, talked, parts, *scope], [*outputs, feedback, rated, saved], **asking)
        # Only when the answer has ended is the last of it there to be marked.
        ended = stop.click(None, cancels=[asked, done], api_visibility="private")
        ended = ended.then(
            self.stopped, [unfinished, talked, parts], [chat, talked, parts, unfinished, send, stop], **QUIET
        )
        listing = [talks, name, as_markdown, as_json, drop]
        for event in (asked, done, ended):
            event.then(self.keep, [talked, kept, wanted], [kept, *listing], **QUIET)
        new.click(self.begin, None, [*outputs, feedback], **QUIET).then(
            self.list_talks, [kept, talked, wanted], listing, **QUIET
        )
        wanted.change(self.list_talks, [kept, talked, wanted], listing, **QUIET)
        do_talk.change(self.open, [do_talk, kept, wanted], [*outputs, feedback], **QUIET).then(
            self.list_talks, [kept, talked, wanted], listing, **QUIET
        )
        name.submit(self.rename, [name, talked, kept, wanted], [talked, kept, *listing], **QUIET)
        drop.click(self.drop, [talked, kept], [kept], **QUIET).then(self.begin, None, [*outputs, feedback], **QUIET).then(
            self.list_talks, [kept, talked, wanted], listing, **QUIET
        )
        as_markdown.click(self.as_markdown, talked, saved, **QUIET)
        as_json.click(self.as_json, talked, saved, **QUIET)
        save.click(self.save_feedback, [rated, talked, expected, passage], [feedback, told, expected, passage], **QUIET)
        leave.click(lambda: gr.Group(visible=False), None, feedback, **QUIET)
        page.load(self.list_talks, [kept, talked, wanted], listing, **QUIET)
        page.load(self.refreshed, None, [only, examples], **QUIET)

    def ask(
        self, question: str, talked: Talk, parts: list[str], editing: int, only: list[str] | None, since: str, until: str
    ) -> Iterator[Any]:
        """Answers in the conversation, as it is written; the sources stand beside it when they are checked.

        Yields chat, sources, question, conversation, its parts of the panel, which question is edited, what to say, what is
        not finished yet, and the buttons to ask and to stop.
        """
        same = gr.skip()  # what stays as it is is neither sent nor drawn again
        if not question.strip():
            yield (same,) * 10
            return
        if editing:
            talked = talked.until(editing)
            parts = parts[len(parts) - len(talked.exchanges) :]  # one for each, the newest first
        if not talked.id:
            talked = Talk(secrets.token_hex(8), datetime.now(UTC).isoformat(timespec="seconds"))
        before = [*_messages(talked), _message("user", show.asked(question))]
        exchange = Exchange(question, _unfinished(question, ""))
        yield [*before, _message("assistant", "…")], same, "", talked, parts, 0, "", exchange, *_busy(True)
        events = self._drawn(question, talked, _filter(only, since, until))
        try:
            for drawn in events:
                if isinstance(drawn, Answer):
                    exchange = replace(exchange, answer=drawn)
                else:
                    shown, said = drawn
                    exchange = replace(exchange, answer=_unfinished(question, said))
                    yield [*before, _message("assistant", shown)], *(same,) * 6, exchange, same, same
        except RagError as error:
            exchange = Exchange(question, problem=f"{error}. {error.hint}".strip())
        finally:
            events.close()  # stops the model when the reader stops or leaves
        talked = talked.with_exchange(exchange)
        parts = [self._sources(len(talked.exchanges), exchange), *parts]
        yield _messages(talked), "".join(parts), same, talked, parts, same, same, None, *_busy(False)

    def _drawn(self, question: str, talked: Talk, wanted: Filter | None) -> Generator[tuple[str, str] | Answer]:
        """What is shown while an answer is written and what was said so far, now and then; then the answer."""
        said, shown, last = "", "…", time.monotonic()
        self._wait_for_documents()
        events = self._library.stream(question, history=talked.turns, wanted=wanted)
        try:
            for event in events:
                if isinstance(event, Finished):
                    yield event.answer
                    return
                if isinstance(event, Sources):
                    shown = show.reading(dict.fromkeys(hit.title for hit in event.hits[:5]))
                else:
                    said += event.text
                    shown = show.writing(said) if said else shown
                if time.monotonic() - last > _DRAWN_AFTER_S:
                    yield shown, said
                    last = time.monotonic()
        finally:
            events.close()

    def _wait_for_documents(self) -> None:
        """Whoever asks while the first documents are being taken in is answered from them."""
        until = time.monotonic() + _FIRST_DOCUMENTS_S
        while self._in_step is not None and self._library.is_empty() and time.monotonic() < until:
            if self._in_step.wait(0.1):
                return

    def act(
        self, word: str, talked: Talk, parts: list[str], only: list[str] | None, since: str, until: str
    ) -> Iterator[Any]:
        """Does what a button of an answer asks for: "retry 2 …", "edit", "copy", "good" and "bad" alike."""
        same = gr.skip()
        act, turn = command(word)
        if not 1 <= turn <= len(talked.exchanges):
            yield (same,) * 13
            return
        exchange = talked.exchanges[turn - 1]
        if act == "retry":
            for drawn in self.ask(exchange.question, talked, parts, turn, only, since, until):
                yield *drawn, same, same, same
        elif act == "edit":
            note = f"editing question {turn}: what follows it is answered anew" if turn < len(talked.exchanges) else ""
            yield same, same, exchange.question, same, same, turn, show.escaped(note), *(same,) * 6
        elif act in ("good", "bad"):
            said = "thank you" if act == "good" else ""
            form = gr.Group(visible=act == "bad")
            yield same, same, same, talked.rated(turn, act), same, same, said, same, same, same, form, turn, same
        elif act == "copy":
            yield *(same,) * 12, _to_save("", talk.exchange_as_markdown(exchange))

    def save_feedback(self, turn: int, talked: Talk, expected: str, passage: str) -> tuple[Any, str, str, str]:
        """Keeps a question whose answer was wrong as a row of a test set."""
        if not 1 <= turn <= len(talked.exchanges):
            return gr.Group(visible=False), "", "", ""
        exchange = talked.exchanges[turn - 1]
        source = self._source_of(passage, exchange.answer)
        if passage.strip() and not source:
            return gr.skip(), show.escaped("these words are in none of the documents that were found"), expected, passage
        row = talk.test_row(exchange, f"page-{secrets.token_hex(4)}", expected.strip(), passage.strip(), source)
        path = self._library.folder / FEEDBACK
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return gr.Group(visible=False), show.escaped(f"saved as a question of {path}"), "", ""

    def _source_of(self, passage: str, answer: Answer | None) -> str:
        """The document that holds a passage, among those that were found."""
        words = passage.strip()
        for source in dict.fromkeys(hit.source for hit in answer.hits) if answer and words else ():
            try:
                if words in self._library.document(source).text:
                    return source
            except RagError:
                continue  # it was deleted meanwhile
        return ""

    @staticmethod
    def stopped(unfinished: Exchange | None, talked: Talk, parts: list[str]) -> tuple[Any, ...]:
        """The conversation after Stop: what was not finished says that it was not checked."""
        if unfinished is None:
            return *(gr.skip(),) * 4, *_busy(False)
        talked = talked.with_exchange(unfinished)
        return _messages(talked), talked, ["", *parts], None, *_busy(False)

    @staticmethod
    def begin() -> tuple[Any, ...]:
        """An empty conversation."""
        return [], "", "", Talk("", ""), [], 0, "", None, *_busy(False), gr.Group(visible=False)

    def open(self, word: str, kept: object, wanted: str) -> tuple[Any, ...]:
        """A conversation of the list, as it was, with what became of its sources since."""
        found = talk.found(talk.all_from_json(kept), wanted)
        _, n = command(word)
        if not 0 <= n < len(found):
            return (gr.skip(),) * 11
        opened = found[n]
        parts = [self._sources(turn, one) for turn, one in enumerate(opened.exchanges, start=1)][::-1]
        return _messages(opened), "".join(parts), "", opened, parts, 0, "", None, *_busy(False), gr.Group(visible=False)

    def keep(self, talked: Talk, kept: object, wanted: str) -> tuple[Any, ...]:
        """Keeps the conversation in the browser, and lists it."""
        talks = talk.all_from_json(kept)
        if not talked.exchanges:
            return kept, *self._listing(talks, talked, wanted)
        talks = talk.with_talk(talks, talked)
        return [talk.to_json(one) for one in talks], *self._listing(talks, talked, wanted)

    def list_talks(self, kept: object, talked: Talk, wanted: str) -> tuple[Any, ...]:
        """The list of conversations, and what can be done with this one."""
        return self._listing(talk.all_from_json(kept), talked, wanted)

    @staticmethod
    def _listing(talks: Sequence[Talk], talked: Talk, wanted: str) -> tuple[Any, ...]:
        shown = shelf.talks(talk.found(talks, wanted), talked.id)
        there = bool(talked.exchanges)
        buttons = (gr.Button(interactive=there),) * 3
        return shown, gr.Textbox(value=talked.title if there else "", interactive=there), *buttons

    @staticmethod
    def as_markdown(talked: Talk) -> str:
        """The conversation for others to read, for the script to save."""
        return _to_save(f"{_slug(talked.title)}.md", talk.as_markdown(talked))

    @staticmethod
    def as_json(talked: Talk) -> str:
        """The conversation whole, for the script to save."""
        return _to_save(f"{_slug(talked.title)}.json", json.dumps(talk.to_json(talked), ensure_ascii=False, indent=1))

    def rename(self, name: str, talked: Talk, kept: object, wanted: str) -> tuple[Any, ...]:
        """Gives this conversation a name."""
        talked = replace(talked, named=" ".join(name.split())[:100])
        return talked, *self.keep(talked, kept, wanted)

    @staticmethod
    def drop(talked: Talk, kept: object) -> list[dict[str, Any]]:
        """The conversations without this one."""
        return [talk.to_json(one) for one in talk.all_from_json(kept) if one.id != talked.id]

    def refreshed(self) -> tuple[Any, str]:
        """The names of the documents as they are now, and questions that they answer."""
        return gr.Dropdown(choices=self._names()), self._examples()

    def _names(self) -> list[tuple[str, str]]:
        infos = shelf.names([info for info in self._library.documents() if info.state != "failed"])
        return [(info.title or info.source, info.source) for info in infos.values()]

    def _examples(self) -> str:
        """Questions about the first document, and about all."""
        first = next((info for info in self._library.documents() if info.state != "failed"), None)
        if first is None:
            return ""
        return show.examples([f"What does “{first.title or first.source}” say?", "What is in these documents?"])

    def _invitation(self) -> str:
        return "Ask your documents" if not self._library.is_empty() else "Add documents first: they are under Documents"

    def _sources(self, turn: int, exchange: Exchange) -> str:
        """The panel's part for one answer: cited documents as they are now, or what became of them."""
        answer = exchange.answer
        if answer is None:
            return ""
        shown: list[str] = []
        spans: dict[int, list[sources.Span]] = {}
        locators: dict[int, str] = {}
        for citation in answer.citations:
            id_, span, instead = self._standing(turn, citation)
            if span is not None:
                spans.setdefault(id_, []).append(span)
                locators.setdefault(id_, citation.locator)
            else:
                shown.append(instead)
        for n, hit in enumerate(show.closest_hits(answer), start=1):
            id_ = hit.document_id or self._library.id_of(hit.source)
            if id_:
                spans.setdefault(id_, []).append(sources.near(turn, n, hit))
        for id_, marked in spans.items():
            try:
                shown.append(sources.section(self._library.document_by_id(id_), id_, marked, locators.get(id_, "")))
            except RagError:
                continue  # it was deleted meanwhile
        return "".join(shown)

    def _standing(self, turn: int, citation: Citation) -> tuple[int, sources.Span | None, str]:
        """A citation's document and what to mark there; or, where its words are gone, what to show instead."""
        span = sources.cited(turn, citation)
        if citation.document_id:
            return citation.document_id, span, ""
        saved = SavedCitation(
            citation.n, citation.source, citation.start, citation.end, citation.quote, citation.content_hash
        )
        trace = self._library.trace(saved)
        if trace.state in ("unchanged", "moved") and (id_ := self._library.id_of(citation.source)):
            return id_, replace(span, start=trace.start, end=trace.end), ""
        return 0, None, sources.kept(turn, citation, trace)


_BAR = (
    '<div class="bar"><button class="act" type="button" id="previous" title="Previous citation ([)">‹</button>'
    '<span id="which"></span><button class="act" type="button" id="next" title="Next citation (])">›</button>'
    '<button class="act" type="button" id="close" title="Close the source (Esc)">✕</button></div>'
)


_KEYS = (
    "<ul><li><b>/</b> ask</li><li><b>Enter</b> send, <b>Shift+Enter</b> new line</li>"
    "<li><b>Esc</b> stop, close the source</li><li><b>[</b> <b>]</b> previous and next citation</li>"
    "<li><b>Alt+N</b> new conversation</li><li><b>?</b> these keys</li></ul>"
)


def _filter(only: list[str] | None, since: str, until: str) -> Filter | None:
    wanted = Filter(tuple(map(glob.escape, only or ())), since.strip(), until.strip())
    return None if wanted.is_empty() else wanted


def command(word: str) -> tuple[str, int]:
    """What the script wrote: "retry 2 17", the last number only making each different."""
    act, _, rest = word.partition(" ")
    number = rest.split(" ")[0]
    return act, int(number) if number.isascii() and number.isdigit() and len(number) < 6 else -1


def _messages(talked: Talk) -> Messages:
    messages = []
    for turn, one in enumerate(talked.exchanges, start=1):
        given = show.problem(one.problem)
        if one.answer is not None:
            given = show.answer(turn, one.answer)
        messages += [_message("user", show.asked(one.question)), _message("assistant", given)]
    return messages


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _busy(is_busy: bool) -> tuple[gr.Button, gr.Button]:
    """The buttons to ask and to stop: one of them is there."""
    return gr.Button(visible=not is_busy), gr.Button(visible=is_busy)


def _unfinished(question: str, said: str) -> Answer:
    return Answer(question, said, "incomplete", (), (), (), 0.0, "", "stopped before it was checked")


def _to_save(name: str, text: str) -> str:
    # Without a name it is copied. The script waits for a change: two that are alike must differ.
    return show.escaped(json.dumps({"name": name, "text": text, "n": secrets.token_hex(4)}))


def _slug(title: str) -> str:
    kept = "".join(c if c.isalnum() else "-" for c in title.lower())[:40]
    return "-".join(filter(None, kept.split("-"))) or "conversation"
