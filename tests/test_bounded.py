"""Run time stays linear in the length of untrusted text: splitting, quoting, escaping, printing, filtering.

A text eight times as long may take sixteen times as long: quadratic code (sixty-four times) fails, and the noise of a busy
machine does not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rag import Document, Filter
from rag import records as r
from rag.answering.prompts import is_refusal
from rag.answering.verification.answer_check import MARKER, claim_spans
from rag.answering.verification.claims import support
from rag.answering.verification.reasoning_tags import without_reasoning
from rag.answering.verification.url_filter import UrlFilter, without_foreign_urls
from rag.cli.rendering import LiveText, one_line, plain
from rag.index.catalog import Catalog
from rag.index.splitting import SentencePacker
from rag.integrations.notebook import answer_html
from rag.ports import Delta
from rag.server.page.views import answer_view, markup, source_view
from rag.sources.decoding.text import canonical, find_author, find_date, name_as_title
from rag.sources.parsers import parse
from rag.text.blocks import recognised
from rag.text.quotes import find_quotation, find_quote, quotations
from rag.text.sentences import sentences
from rag.text.terms import terms
from rag.text.unicode_text import strip_invisible

SMALL, FACTOR = 2_000, 8

WORST = {
    "stops": ".", "spaces": " ", "lines": "\n", "initials": "a.", "quoted stops": '."', "ideographs": "。",
    "open quotes": "“", "quotes": '"', "nested quotes": "“”", "brackets": "[", "markers": "[1]", "cut markers": "[1,",
    "many numbers": "[1, 2, 3, ", "headings": "# ", "deep headings": "\n###### a\n", "fences": "```\n", "stars": "*",
    "dashes": "-", "pipes": "|", "rows": "|-|\n", "links": "[a](", "angles": "<", "tags": "<a ", "entities": "&amp;",
    "apostrophes": "'", "digits": "1", "grouped": "1,", "dates": "June 13, ", "published": "Published on ", "by": "By A ",
    "words": "word ", "same word": "aaaa", "capitals": "A B. ", "marks": "\u0301", "joiners": "\u200d",
    "reordering": "\u202e", "controls": "\x1b[", "nuls": "\0", "emoji": "🙂", "carriage": "\r", "abbreviations": "Mr. ",
    "ellipses": "… ", "frontmatter": "---\n", "colons": "a: ",
    "other marks": "\u0323\u0301", "comments": "<!---->", "titles": "\\title[",
    "tabs": "\t", "negative": "not ", "numbered": "1) ", "letters": "éa",
}  # fmt: skip


def citation(text: str) -> r.Citation:
    end = min(5, len(text))
    return r.Citation(
        n=1, source="s", title="t", locator="", page=None, start=0, end=end, quote=text[:5], verdict="exact",
        answer_start=0, answer_end=end, document_id=1,
    )  # fmt: skip


def answered(text: str) -> r.Answer:
    return r.Answer(
        question="q", text=text, status="answered", citations=(citation(text),), flags=(), hits=(), evidence=1.0, model="m"
    )


def through_live(text: str) -> None:
    live = LiveText()
    for at in range(0, len(text), 50):
        live.feed(text[at : at + 50])


def through_filters(text: str) -> None:
    deltas = (Delta(text[start : start + 50]) for start in range(0, len(text), 50))
    url_filter = UrlFilter(["nothing"])
    for delta in without_reasoning(deltas):
        url_filter.feed(delta.text)
    url_filter.flush()


def every_fourth(text: str) -> list[int]:
    return list(range(0, len(text), 4))


WORK: dict[str, Callable[[str], object]] = {
    "sentences": sentences,
    "split": lambda text: list(SentencePacker(260, every_fourth).split(text, False)),
    "split markdown": lambda text: list(SentencePacker(260, every_fourth).split(text, True)),
    "blocks": lambda text: list(recognised(text, markdown=False)),
    "blocks of markdown": lambda text: list(recognised(text, markdown=True)),
    "terms": terms,
    "find a quote that is not there": lambda text: find_quote(text[: len(text) // 2] + "x", text),
    "find a quote at the end": lambda text: find_quote(text[-50:] + "end", text + "end"),
    "quotations": quotations,
    "find a quotation": lambda text: find_quotation(text[:500] + "end", text),
    "a claim and a long source": lambda text: support("the word of a claim", text, 0, len(text)),
    "a long claim": lambda text: support(text, "The word of a source. Not 20.", 0, 29),
    "claims of an answer": claim_spans,
    "markers": lambda text: (MARKER.sub("", text), is_refusal(text)),
    "addresses": lambda text: without_foreign_urls(text, ["nothing"]),
    "filters of a streamed reply": through_filters,
    "escape for the page": markup.escaped,
    "answer in a notebook": lambda text: answer_html(answered(text)),
    "answer on the page": lambda text: answer_view.answer_markup(0, answered(text)),
    "answer as it is written": answer_view.partial_answer_markup,
    "source beside it": lambda text: source_view.document_markup(
        Document(text, "t", source="s"), 0, [source_view.citation_highlight(0, citation(text))]
    ),
    "to the terminal": lambda text: (plain(text), one_line(text)),
    "to the terminal, live": through_live,
    "canonical text": canonical,
    "date and author": lambda text: (find_date(text), find_author(text), name_as_title(text[:250])),
    "prompt": strip_invisible,
}
# How a text becomes a file of a kind: what stands before and after it.
FILES = {
    "txt": ("", ""), "md": ("", ""), "html": ("<p>", "</p>"), "json": ('{"a": "', '"}'), "jsonl": ('["', '"]'),
    "xml": ("<?xml version='1.0'?><a>", "</a>"), "tex": ("\\title{", "}"), "rst": ("", ""), "py": ("", ""),
    "eml": ("From: a@b.c\nTo: b@c.d\nSubject: ", "\n\nbody"), "mbox": ("From a\nFrom: a@b.c\n\n", ""),
    "rtf": ("{\\rtf1 ", "}"), "csv": ("a,b\n", ""), "tsv": ("", ""), "ipynb": ("", ""), "": ("", ""),
}  # fmt: skip
for suffix, (before, after) in FILES.items():
    for name, first, last in ((f"a {suffix} file", "", ""), (f"the inside of a {suffix} file", before, after)):
        WORK[name] = lambda text, suffix=suffix, first=first, last=last: parse(
            f"{first}{text}{last}".encode("utf-8", "replace"), f"a.{suffix}"
        )


def mixtures(seed: int, count: int) -> dict[str, str]:
    """Returns pieces that consist of two or three of the above: repeated together, and one after the other."""
    chooser = random.Random(seed)
    found = {}
    for _ in range(count):
        names = chooser.sample(sorted(WORST), chooser.choice((2, 3)))
        pieces = [WORST[name] for name in names]
        found[" and ".join(names)] = "".join(pieces)
        found[" before ".join(names)] = "\0".join(pieces)
    return found


def text_of(piece: str, size: int) -> str:
    """Returns a piece repeated up to a size; the parts of a piece with NULs are repeated one after the other."""
    parts = piece.split("\0") if len(piece) > 1 else [piece]
    share = size // len(parts)
    return "".join((part * share)[:share] for part in parts)


def seconds(work: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    try:
        work(text)
    except Exception as error:  # a text may be rejected; that is timed too
        if type(error).__module__ != "rag.errors":
            raise
    return time.process_time() - started


@pytest.mark.parametrize("name", WORK)
def test_time_grows_with_length(name: str, full: bool, request: pytest.FixtureRequest) -> None:
    """For texts that make careless patterns quadratic, and for mixtures of two and three of them."""
    slow = []
    mixed = mixtures(request.config.getoption("--seed"), 500 if full else 10)
    for kind, piece in (WORST | mixed).items():
        small, large = text_of(piece, SMALL), text_of(piece, SMALL * FACTOR)
        for _ in range(3):
            short, long = seconds(WORK[name], small), seconds(WORK[name], large)
            if long < 0.1 or long < 2 * FACTOR * max(short, 1e-4):
                break
        else:
            slow.append(f"{kind}: {short:.3f} s, {FACTOR} times the text {long:.3f} s")
        if full and kind in WORST:
            longest = seconds(WORK[name], text_of(piece, 1_000_000))
            if longest > 2 * 100 * max(short, 1e-3) and longest > 10:
                slow.append(f"{kind}: a million characters {longest:.1f} s")
    assert slow == []


def test_filters_are_bounded(tmp_path: Path) -> None:
    """A pattern with many wildcards is matched against a long name in bounded time."""
    catalog = Catalog.open(tmp_path)
    root = catalog.files.root_id("memory", "")
    catalog.documents.publish(catalog.documents.stage(root, Document("x", "x", source="a" * 5_000, content_hash="x")))
    for pattern in ("*a" * 30 + "b", "?" * 4_999 + "b", "[a-z]*" * 30 + "!", "*" * 1_000 + "b"):
        started = time.process_time()
        assert catalog.documents.matching(Filter(sources=(pattern,))) == []
        assert time.process_time() - started < 2, pattern[:20]
    catalog.close()
