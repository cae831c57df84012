"""Pages that are pictures: refused unless OCR is on; then their words are cited like others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rag import Library
from rag.child_process import receive_frame, send_frame
from rag.errors import ReadError
from rag.records import Document
from rag.settings import Settings
from rag.sources.decoding import ocr
from rag.sources.parser_process import Parser
from rag.sources.parsers import parse
from rag.sources.parsers.pdf import boxes

from ...making import joined, pdf, scan

needs_ocr = pytest.mark.skipif(not ocr.is_installed(), reason="the ocr extra is not installed: uv sync --extra ocr")

LETTER = pdf(
    [
        [(60, 760, "Harbour Board of Vilsund"), (60, 720, "The board met on the third of May to look over the cranes.")],
        [
            (60, 760, "The northern crane was taken down because its foot had rusted through, and a new"),
            (60, 746, "one was ordered from Gdansk. The new crane can lift forty-two tonnes."),
        ],
    ]
)


def _read(data: bytes) -> Document:
    parser = Parser(ocr=True)
    try:
        return parser.parse(data, "letter.pdf").documents[0]
    finally:
        parser.close()


def test_a_scan_is_refused_and_the_remedy_named() -> None:
    with pytest.raises(ReadError, match="no text layer") as raised:
        parse(scan(LETTER), "letter.pdf")

    assert "rag[ocr]" in raised.value.hint
    assert 'ocr = "on"' in raised.value.hint


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "_switch", ocr._Switch(on=True))
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    ocr._engine.cache_clear()
    with pytest.raises(ReadError, match="OCR is turned on but not installed") as raised:
        parse(scan(LETTER), "letter.pdf")

    assert "pip install" in raised.value.hint


@needs_ocr
@pytest.mark.process
def test_a_question_is_answered_from_a_scan_that_was_refused_before(tmp_path: Path) -> None:
    """Turning OCR on has the file tried again; the citation names the page."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "letter.pdf").write_bytes(scan(LETTER))
    with Library.open(tmp_path / "index", short_lived=True) as library:
        assert 1 == len(library.sync(folder).failed)
    with Library.open(tmp_path / "index", Settings(ocr="on"), short_lived=True) as library:
        assert (1, ()) == ((report := library.sync(folder)).added, report.failed)
        answer = library.ask("How much can the new crane lift?")

        cited = answer.citations[0]
        assert ("letter.pdf", 2, "p. 2") == (cited.source, cited.page, cited.locator)
        assert "forty-two tonnes" in cited.quote
        assert cited.quote == library.document("letter.pdf").text[cited.start : cited.end]
        assert "1, 2" == library.document("letter.pdf").metadata["pages_recognised"]


@needs_ocr
@pytest.mark.process
def test_pictures_between_pages_of_text() -> None:
    """Only they are recognised; the others' characters keep their places on the page."""
    text = pdf([[(60, 760, "Minutes, with the letter of the board behind them"), (60, 700, "Signed by Ada Holm, clerk.")]])
    data = joined(scan(LETTER), text)
    document = _read(data)

    assert "1, 2" == document.metadata["pages_recognised"]
    assert "pages_without_text" not in document.metadata
    at = document.text.index("Signed by Ada Holm")
    ((page, (left, bottom, right, top)),) = boxes(data, document.anchors, at, at + len("Signed by Ada Holm"))
    assert (3, True, True) == (page, 58 < left < 62 and 140 < right < 190, 695 < bottom < top < 715)
    assert [] == boxes(data, document.anchors, 0, 20)
    assert "1, 2" == parse(data, "letter.pdf").documents[0].metadata["pages_without_text"]


@needs_ocr
@pytest.mark.process
def test_columns_tables_and_hyphens_of_a_scan() -> None:
    """Columns come one after the other, a table's row is a line, a word that was cut is whole."""
    left = [f"on the left side the clerk wrote {word}" for word in ("apples", "boats", "cranes", "docks", "engines")]
    right = [f"on the right side he added {word}" for word in ("feathers", "glasses", "harbours", "islands", "jackets")]
    rows = [("Northern crane", "42", "1961"), ("Southern crane", "30", "1974")]
    page = [
        *[line for n in range(5) for line in ((60, 700 - 16 * n, left[n]), (320, 700 - 16 * n, right[n]))],
        *[(60 + 180 * m, 560 - 16 * n, cell) for n, row in enumerate(rows) for m, cell in enumerate(row)],
        (60, 480, "The committee that the board set up for this has now pub-"),
        (60, 464, "lished its findings."),
    ]
    text = _read(scan(pdf([page]))).text

    assert text.index(left[4]) < text.index(right[0])
    assert "Northern crane 42 1961" in text
    assert "has now published its findings" in text


@needs_ocr
@pytest.mark.process
def test_each_page_has_its_time() -> None:
    """The child says after each page that it is at work, so that a long scan is not held to hang."""
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "rag.sources.parser_child", "--ocr"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child:
        send_frame(child.stdin, {"name": "letter.pdf", "charset": "", "limit_s": 30}, scan(LETTER, dpi=100))
        child.stdin.close()
        frames = []
        while (frame := receive_frame(child.stdout)) is not None:
            frames.append(frame[0])

    assert [True, True] == [frame["busy"] for frame in frames[:2]]
    assert 1 == len(frames[2]["documents"])


def test_pages_that_were_not_read_are_listed(tmp_path: Path) -> None:
    """A file of which only some pages have text is taken in, and the list says which it lacks."""
    (tmp_path / "mixed.pdf").write_bytes(joined(scan(LETTER), LETTER))
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.add(tmp_path / "mixed.pdf")

        assert ["1, 2"] == [info.unread_pages for info in library.documents()]
