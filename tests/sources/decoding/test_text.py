"""Reading: canonical text, and what a document says of itself."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import ReadError
from rag.sources.decoding.text import canonical, find_date
from rag.sources.parsers import parse

from ...conftest import ARTICLE, DATA


def test_the_article() -> None:
    """Title from its name, date from its last line, the text as it stands."""
    document = parse(ARTICLE.read_bytes(), ARTICLE.name).documents[0]

    assert document.title == "India raises rare earth curbs with china"
    assert document.date == "2025-06-13"
    assert document.text == ARTICLE.read_text(encoding="utf-8")


@given(st.text(max_size=200))
def test_canonical_is_stable(text: str) -> None:
    """Canonical text is NFC with line feeds only, and stays as it is."""
    once = canonical(text)

    assert "\r" not in once
    assert once == canonical(once)


def test_long_runs_of_marks_are_kept() -> None:
    """A joiner divides them, so that putting them in order takes linear time; no mark is lost."""
    marks = "\u0301\u0323" * 50
    text = canonical(f"a{marks}b")
    assert "\u034f" in text
    assert sorted(unicodedata.normalize("NFD", text).replace("\u034f", "")) == sorted(f"a{marks}b")
    assert text == canonical(text)
    assert canonical("e\u0301" * 100) == "é" * 100


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("crlf\r\nand\rcr".encode(), "crlf\nand\ncr"),
        ("\ufeffbom first".encode(), "bom first"),
        ("Grüße".encode("utf-16"), "Grüße"),
        ("e\u0301te\u0301".encode(), "été"),
        ("Der Käse aus Österreich schmeckt köstlich; müde Wanderer lieben ihn über alles.".encode("cp1252"),
         "Der Käse aus Österreich schmeckt köstlich; müde Wanderer lieben ihn über alles."),
        (b"a nul \0 inside", "a nul \0 inside"),
    ],
)  # fmt: skip
def test_encodings(data: bytes, expected: str) -> None:
    """Text is text in whatever encoding it was saved."""
    assert expected == parse(data, "note.txt").documents[0].text


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Билеты в музей продаются у входа.\nДетям до семи лет вход свободный.",
         "koi8-r cp1251 cp866 iso8859-5 mac-cyrillic utf-16-le"),
        ("Квитки продаються біля входу, діти заходять безкоштовно.", "koi8-u cp1251"),
        ("Kütüphane pazar günü kapalıdır; üyelik ücreti yüz liradır.", "cp1254 iso8859-9 utf-16-le"),
        ("Le musée est fermé le mardi. L’entrée coûte huit euros, l’été comme l’hiver.", "cp1252 mac-roman utf-16-be"),
        ("Die Bücherei schließt am Freitag früher; Gebühren fällig ab März.", "cp1252 mac-roman cp850 utf-16-le"),
        ("Biblioteka jest zamknięta w środę, a opłata wynosi dziesięć złotych.", "cp1250 iso8859-2"),
        ("Knihovna je v úterý zavřená a poplatek činí třicet korun.", "cp1250 iso8859-2"),
        ("Η βιβλιοθήκη είναι κλειστή την Τρίτη.", "cp1253 iso8859-7"),
        ("図書館は火曜日に休みます。会費は年に千円です。", "shift_jis euc_jp"),
        ("图书馆星期二不开放，会费每年一百元。", "gb2312 gb18030"),
        ("도서관은 화요일에 쉽니다. 회비는 일 년에 만 원입니다.", "euc_kr"),
        ("The library is closed on Tuesdays.", "utf-16-le utf-16-be utf-32-le"),
    ],
)  # fmt: skip
def test_short_texts_in_old_encodings(text: str, encodings: str) -> None:
    """One or two sentences, without a byte order mark, are recognised; web pages in UTF-16 too."""
    for encoding in encodings.split():
        assert text == parse(text.encode(encoding), "note.txt").documents[0].text, encoding
    page = f"<html><body><p>{text}</p></body></html>".encode("utf-16-le")
    assert text.split() == parse(page, "note.html").documents[0].text.split()


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "a.txt", "empty"),
        (b" \n\t", "a.txt", "empty"),
        (bytes(range(256)) * 40, "a.txt", "not text"),
        (b"PK\x03\x04rest", "a.docx", "damaged"),
        (bytes(range(256)), "a.xlsx", "has the extension .xlsx, but"),
        (b"%PDF-1.7 garbage", "a.pdf", "damaged"),
        (b"\x89PNG\r\n", "a.txt", "picture"),
        (b"<html><body></body></html>", "a.html", "no text"),
    ],
)
def test_what_cannot_be_read(data: bytes, name: str, words: str) -> None:
    """One clear reason each."""
    with pytest.raises(ReadError, match=words) as raised:
        parse(data, name)

    assert raised.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Published on June 13, 2025", "2025-06-13"),
        ("Posted: 3 Feb. 2022", "2022-02-03"),
        ("Date: 2021-12-31", "2021-12-31"),
        ("We met on June 13, 2025 in Delhi", ""),
        ("Published on February 31, 2025", ""),
    ],
)
def test_dates(text: str, expected: str) -> None:
    """Only a line that says it is the document's date counts, and only a date that exists."""
    assert expected == find_date(text)


def test_real_pdf() -> None:
    """A filing's text layer, with a page map that finds the page of a quote."""
    files = sorted((DATA / "qa" / "kg_rag_sec10q" / "files").glob("*.pdf")) if DATA.is_dir() else []
    if not files:
        pytest.skip("no shared data beside this checkout")
    document = parse(files[0].read_bytes(), files[0].name).documents[0]

    starts = [anchor.start for anchor in document.anchors]
    assert len(starts) > 20
    assert document.page_at(0) == 1
    assert document.page_at(len(document.text) - 1) == len(starts)
    assert sorted(starts) == starts
