"""What a notebook shows of an answer."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rag import Answer, Citation, Flag, Library
from rag.records import Verdict
from rag.text.unicode_text import strip_invisible

from ..payloads import payloads

EVIL = "https://attacker.example/p.png"
TAGS = {"div", "p", "small", "em", "ul", "li", "mark", "dl", "dt", "dd", "strong", "q"}
ATTRIBUTES = {
    ("class", "rag-answer mathjax_ignore tex2jax_ignore"),
    ("style", "white-space:pre-wrap"),
}


class Markup(HTMLParser):
    """Collects what a browser would make of some HTML."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[tuple[str, str | None]] = set()
        self.text: list[str] = []
        self.open: list[str] = []
        self.others: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= set(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    unknown_decl = handle_pi = handle_decl


def citation(n: int, text: str, verdict: Verdict = "exact") -> Citation:
    return Citation(
        n=n, source=text, title=text, locator=text, page=None, start=0, end=len(text), quote=text, verdict=verdict,
        answer_start=0, answer_end=len(text), document_id=1,
    )  # fmt: skip


def answer(text: str, **fields: object) -> Answer:
    made = Answer(
        question="Who?", text=text, status="answered", citations=(), flags=(), hits=(), evidence=1.0, model="extraction"
    )
    return replace(made, **fields)


def test_text_and_citations() -> None:
    """The text, then each citation with number, title, source, locator, verdict and quote."""
    cited = replace(citation(1, "He met Sun & Misri."), source="notes.pdf", title="Notes", locator="p. 3")
    markup = answer("He met Sun & Misri. [1]\nIn May.", citations=(cited,))._repr_html_()

    assert markup == (
        '<div class="rag-answer mathjax_ignore tex2jax_ignore">'
        '<p style="white-space:pre-wrap">He met Sun &amp; Misri. [1]\nIn May.</p>'
        "<dl><dt>[1] <strong>Notes</strong> notes.pdf, p. 3 (exact)</dt><dd><q>He met Sun &amp; Misri.</q></dd></dl>"
        "<p><small>answered · extraction</small></p></div>"
    )


def test_flags_are_marked() -> None:
    """Flagged characters are marked in the text, even if flags overlap; each flag is listed with verdict and note."""
    flags = (
        Flag(said="30 members", verdict="weak", answer_start=7, answer_end=17, note="says 30, the source says 20"),
        Flag(said="members left", verdict="not found", answer_start=10, answer_end=22),
    )
    markup = answer("It has 30 members left.", flags=flags)._repr_html_()

    assert "It has <mark>30 </mark><mark>members</mark><mark> left</mark>." in markup
    assert "<li><mark>30 members</mark> (weak: says 30, the source says 20)</li>" in markup
    assert "<li><mark>members left</mark> (not found)</li>" in markup


def test_notice_and_rewritten_question() -> None:
    """What the reader must know, and how a follow-up was understood."""
    markup = answer("On Sunday.", notice="The answer was cut off.", searched="When did Olari win?")._repr_html_()

    assert "<p><em>The answer was cut off.</em></p>" in markup
    assert "<p><small>understood as: When did Olari win?</small></p>" in markup


@pytest.mark.parametrize("payload", payloads(EVIL))
def test_hostile_text_stays_text(payload: str) -> None:
    """Whatever documents and models write, in any field: only the module's own tags and attributes are markup."""
    flag = Flag(said=payload, verdict="weak", answer_start=1, answer_end=len(payload) - 1, note=payload)
    hostile = answer(
        payload, citations=(citation(1, payload),), flags=(flag,), notice=payload, searched=payload, model=payload
    )
    markup = Markup(hostile._repr_html_())

    assert set(markup.tags) <= TAGS
    assert markup.attributes <= ATTRIBUTES
    assert ([], []) == (markup.open, markup.others)
    # In the text, notice, rewritten question and model; twice in the flag; four times in the citation.
    assert 10 == "".join(markup.text).count(strip_invisible(payload))


def test_invisible_characters_are_removed() -> None:
    """What reorders or hides text is left out."""
    assert "price 001" in answer("price \u202e001\u202c")._repr_html_()


def test_an_answer_of_a_library(seeds: Library, article: str) -> None:
    """A real answer: its quote is in its markup."""
    found = seeds.ask("What did India raise with Sun Weidong?")
    text = "".join(Markup(found._repr_html_()).text)

    assert found.text in text
    assert all(strip_invisible(c.quote) in text and c.source in text for c in found.citations)


def test_only_notebooks_import_it() -> None:
    """The records alone do not load the markup, and the markup loads no vendor."""
    script = (
        "import sys; from rag.records import Answer; assert 'rag.integrations' not in sys.modules;"
        "Answer('q', 't', 'answered', (), (), (), 1.0, 'm')._repr_html_();"
        "print([m for m in ('llama_index', 'numpy', 'gradio', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
