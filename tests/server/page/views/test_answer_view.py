"""What the page shows, from records: nothing untrusted becomes markup."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from rag.answering.citation_trace import CitationTrace
from rag.records import Answer, Citation, Document, DocumentInfo, Failure, Flag, Hit, IndexStatus, Ranks, SyncReport
from rag.server.page.views import answer_view, document_table, settings_table, source_view, static_pages
from rag.server.page.views.conversations import Exchange, Talk, as_markdown
from rag.settings import Settings

HOSTILE = [
    "<script>PWN=1</script>", "![x](http://evil.example/a.png)", "<img src=x onerror=PWN=1>", "[a](javascript:PWN=1)",
    "http://evil.example/?leak", "<a href='http://evil.example'>x</a>", "$$\\href{javascript:PWN=1}{x}$$",
    "```mermaid\ngraph\n```",
    "| a | b |\n|---|---|", "# heading", "&lt;script&gt;", "\u202eevil\u202c", "<!-- -->", "{{7*7}}", "<svg onload=PWN=1>",
]  # fmt: skip


def citation(**changed) -> Citation:
    values = {"n": 1, "source": "a.txt", "title": "A", "locator": "", "page": None, "start": 4, "end": 9, "quote": "black",
              "verdict": "exact", "answer_start": 0, "answer_end": 5, "document_id": 1}  # fmt: skip
    return Citation(**{**values, **changed})


PLAIN = {"sup", "a", "h1", "h2", "ins", "del", "details", "summary", "span", "mark", "br", "div", "p", "section", "button",
         "ul", "li", "b", "table", "thead", "tbody", "tr", "th", "td"}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_only_text(text: str) -> None:
    """No tag, link, image or entity survives; what is seen is what was written, but for marks that hide."""
    shown = answer_view.escaped(text)
    without_entities = re.sub(r"&#\d+;|<br>", "", shown)

    assert re.fullmatch(r"[\w\s]*", without_entities)
    assert html.unescape(shown.replace("<br>", "\n")) == re.sub("[\u202a-\u202e]", "", text)


@pytest.mark.parametrize("text", HOSTILE)
def test_every_sink_escapes(text: str) -> None:
    """Answer, chip, source panel, document list, flags: the only tags are the page's own."""
    document = Document(f"say black {text} cat", text, text, text, source=text)
    cited = citation(title=text, source=text, quote=text)
    hit = Hit(text, text, None, 0, 5, 0.5, text, text, text, text, Ranks(None, 0.0, None, None), 1)
    answer = Answer("q", f"black {text}", "answered", (cited,), (Flag(text, "weak", 0, 5, text),), (), 1.0, text, text)
    declined = Answer(text, "no", "abstained", (), (), (hit,), 0.1, text, text, searched=text)
    infos = [
        DocumentInfo(
            text, text, text, text, "text/plain", 1, 1, 0, state, "/", text, "", text, text, unread_pages=text, id=n
        )
        for n, state in enumerate(("failed", "ready"))
    ]
    shown = [
        answer_view.asked(text), answer_view.reading([text]), answer_view.writing(text), answer_view.problem(text),
        answer_view.answer(1, answer), answer_view.answer(1, declined), answer_view.examples([text]),
        answer_view.top(text, {text: text}, text).replace('href="/logout"', ""),
        settings_table.shown(IndexStatus(text, 1, 1, 1, 1, text, 0.2, {text: text}), Settings(model=text, documents=text)),
        source_view.section(document, 1, [source_view.cited(1, cited), source_view.near(1, 1, hit)], text),
        source_view.kept(1, cited, CitationTrace("changed", now=text)), document_table.listed(infos, "", "by name")[0],
        document_table.imported(SyncReport(failed=(Failure(text, text, text),))),
    ]  # fmt: skip

    for markup in shown:
        tags = set(re.findall(r"<\s*/?\s*([a-z0-9]+)", markup))
        assert tags <= PLAIN
        assert not re.search(r"(?:href|src)=['\"](?!#[ch]\d|/documents/\d)", markup)
        assert "javascript:" not in markup
        assert "http:" not in markup
        assert "\n\n" not in markup  # Markdown takes each for one piece


def test_what_changed_stands_word_by_word() -> None:
    """What was cited, and beside it what is gone and what is new."""
    shown = source_view.kept(1, citation(quote="The roof is red"), CitationTrace("changed", now="The roof is blue"))
    assert "<span>The roof is </span><del>red</del><ins>blue</ins>" in shown
    assert "<del>" not in source_view.kept(1, citation(), CitationTrace("deleted"))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_whole_document_is_only_text(text: str) -> None:
    """The page of a document has no tags but its own, whatever it holds or is called."""
    page = static_pages.whole(Document(f"say {text} cat", text, text, text, source=text), [(4, 8)])
    body = page.split("<body>")[1]

    assert set(re.findall(r"<\s*/?\s*([a-z0-9]+)", body)) <= {"main", "h1", "p", "div", "mark", "br", "body", "html"}
    assert html.unescape(re.search(r"<title>(.*?)</title>", page, re.DOTALL).group(1)) == text.replace(
        "\u202e", ""
    ).replace("\u202c", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_an_export_has_no_links_or_pictures(text: str) -> None:
    """A saved conversation shows what was written as text, in any reader of Markdown."""
    answer = Answer("q", f"black {text}", "answered", (citation(title=text, source=text, quote=text),),
                    (Flag(text, "weak", 0, 5, text),), (), 1.0, text, text)  # fmt: skip
    saved = as_markdown(Talk("1", "", (Exchange(text, answer),)))

    assert not re.search(r"(?<!\\)[\[\]!`|]|<|://", saved.replace("\\\\", ""))


def test_the_mark_holds_the_quote() -> None:
    """The marked characters are the cited ones; the link opens the whole document at them."""
    document = Document("the black cat", "Cats", source="a.txt")
    shown = source_view.section(document, 7, [source_view.cited(2, citation())])

    assert re.search(r'the <mark id="c2-1" class="cited"[^>]*>black</mark> cat', shown)
    assert 'href="/documents/7?marked=4-9#marked"' in shown
    assert '<mark id="marked">black</mark> cat' in static_pages.whole(document, [(4, 9)])


def test_overlapping_and_distant_citations() -> None:
    """Text between is kept or shown as a gap; nothing is shown twice."""
    text = "".join(chr(97 + i % 26) for i in range(9000))
    cited = [citation(n=1, start=10, end=20), citation(n=2, start=15, end=30), citation(n=3, start=8000, end=8010)]
    shown = source_view.section(Document(text, "T", source="a.txt"), 1, [source_view.cited(1, c) for c in cited])
    marks = dict(re.findall(r'<mark id="c1-(\d)"[^>]*>(.*?)</mark>', shown))

    assert {"1": text[10:20], "2": text[20:30], "3": text[8000:8010]} == marks
    assert " … " in shown


def test_answer_has_chips_where_claims_end() -> None:
    """A marker becomes a chip; the verdict is in words."""
    answer = Answer("q", "black [1]", "answered", (citation(),), (), (), 0.9, "extraction", timings_ms={"total": 200.0})
    shown = answer_view.answer(1, answer)

    assert 'black<sup><a class="chip" href="#c1-1"' in shown
    assert "[1]" not in shown
    assert "✓ 1 citation checked" in html.unescape(shown)


def test_what_rag_says_of_itself_claims_no_checks() -> None:
    """A greeting has no sources, and needs none; a model that gives none is told of."""
    said = Answer("hi", "Hello.", "answered", (), (), (), 1.0, "extraction", timings_ms={"total": 100.0})
    assert "0.1 s" == answer_view.verdict_line(said)
    assert "no source given · 0.1 s · gpt" == answer_view.verdict_line(replace(said, model="gpt"))


def test_what_does_not_stand_stands_out() -> None:
    """The words themselves are marked, and what is wrong with them is said right behind."""
    flags = (Flag("it has 30 rooms", "weak", 10, 25, "says 30, the source says 20"),)
    shown = html.unescape(
        answer_view.answer(1, Answer("q", "One fact. it has 30 rooms. End.", "answered", (), flags, (), 0.9, "m"))
    )

    assert (
        '<span class="doubted">it has 30 rooms</span> <span class="flag">≈ the source doesn’t quite say this (says 30'
        in shown
    )
    assert "✗ 1 to look at" in shown


def test_what_came_near_says_what_it_lacks() -> None:
    """The question's own words that the passage has not; and where it has them all, that too."""
    hit = Hit("a.txt", "A", None, 0, 9, 0.5, "India raised rare earths.", "", "", "", Ranks(None, 0.0, None, None), 1)
    shown = [
        answer_view.answer(1, Answer(question, "no", "abstained", (), (), (hit,), 0.1, "extraction"))
        for question in ("What did Pakistan's envoy raise?", "Did India raise rare earths?")
    ]

    assert "does not mention Pakistan's, envoy" in html.unescape(shown[0])
    assert "has these words, but does not say it" in shown[1]


def test_an_empty_library_invites() -> None:
    """The list says how to begin."""
    assert "load the sample" in document_table.listed([], "", "by name")[0]


def info(source: str, **facts) -> DocumentInfo:
    values = {"title": source, "author": "", "date": "", "media_type": "text/plain", "characters": 1, "passages": 1,
              "pages": 0, "state": "ready", "root": "/", "added": "", "content_hash": "", "id": 1}  # fmt: skip
    return DocumentInfo(source, **{**values, **facts})


def test_the_list_is_cut_searched_and_sorted() -> None:
    """A hundred rows, names in their order; all words must fit; those that could not be read first, where wanted."""
    infos = [info(f"{n}.txt", date=f"2025-01-{n % 28 + 1:02}") for n in range(500)] + [info("zz.pdf", state="failed")]
    shown, names = document_table.listed(infos, "", "problems first")
    assert "zz.pdf" == names[0]
    assert 100 == len(names) == shown.count("<tr><td>")
    assert "and 401 more" in shown

    assert ["123.txt"] == document_table.listed(infos, "123 TXT", "by name")[1]
    assert "no document fits" in document_table.listed(infos, "nothing like it", "by name")[0]
    assert "2025-01-28" == next(
        i.date for i in infos if i.source == document_table.listed(infos, "", "by date of the document")[1][0]
    )


def test_two_of_one_name_are_told_apart() -> None:
    """By their paths."""
    names = document_table.names([info("a.txt", root="/x"), info("a.txt", root="/y"), info("b.txt", root="/x")])
    assert ["/x/a.txt", "/y/a.txt", "b.txt"] == list(names)
