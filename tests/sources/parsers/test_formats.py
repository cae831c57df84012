"""Every format is read, and a question is answered from it with a citation that opens at the right place."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import pytest

from rag import Library
from rag.errors import RagError, ReadError
from rag.records import Anchor
from rag.sources.parser_process import Parser
from rag.sources.parsers import parse
from rag.sources.records import ParsedFile

from ...conftest import DATA
from ...making import pdf, zipped

FORMATS = Path(__file__).parent.parent.parent / "data" / "formats"
MADE = {
    "staff.json": json.dumps({"office": {"city": "Tartu", "staff": [{"name": "Ene Kask", "room": 214}]}}),
    "orders.jsonl": '{"order": 7, "item": "copper kettle", "price": 31.5}\n{"order": 8, "item": "oak bench", "price": 120}\n',
    "guide.rst": "Harbour guide\n=============\n\n:Author: Nele Prins\n\nMoorings\n--------\n\nThe west quay has forty moorings.\n",
    "kiln.py": '"""Kiln control."""\n\n\ndef fire():\n    # the glaze melts at 1240 degrees\n    return 1240\n',
    "sales.tsv": "Region\t2023\t2024\nLapland\t310\t342\nUusimaa\t990\t1010\n",
    "page.html": "<html><head><title>Bees</title></head><body><main><h1>Bees</h1><p>The Hagen roof has nine beehives, and each"
    " of them is looked after by a member of the choir.</p></main></body></html>",
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """All of them in one library."""
    folder = tmp_path_factory.mktemp("formats")
    shutil.copytree(FORMATS, folder / "documents")
    (folder / "documents" / "SOURCES.md").unlink()
    for name, text in MADE.items():
        (folder / "documents" / name).write_text(text, "utf-8")
    tunnels = [[(60, 700, f"The {name} tunnel is {long} metres long.")] for name, long in
               (("Drava", "1,130"), ("Sava", "2,410"), ("Mura", "760"))]  # fmt: skip
    (folder / "documents" / "tunnels.pdf").write_bytes(pdf(tunnels))
    with Library.open(folder / "index", short_lived=True) as opened:
        report = opened.sync(folder / "documents")
        assert () == report.failed
        yield opened


@pytest.mark.process
@pytest.mark.parametrize(
    ("question", "source", "locator", "words"),
    [
        ("What is the square of record number 7?", "squares.xlsx", "sheet testing, row 9", "Square of the Record Number: 49"),
        ("What address does John Smith12 have?", "addresses.xls", "sheet Sheet1, row 13", "12 Corporate HQ"),
        ("How many freshwater ducks were there in 2021?", "ducks.ods", "sheet Sheet1, row 7", "Freshwater Ducks: 150"),
        ("What is the value of alpha?", "entries.csv", "row 2", "value: 1"),
        ("How much did Lapland sell in 2024?", "sales.tsv", "row 2", "2024: 342"),
        ("What do the notes on the second slide say?", "slides.pptx", "slide 2", "Some notes on the second slide."),
        ("What is the Impress file an example of?", "example.odp", "slide 1", "An example Impress file"),
        ("Which content follows the header image?", "report.docx", "Page 3 - Image at Start", "follows the header image"),
        ("What list of phone numbers is in the test document?", "phones.odt", "", "list of phone numbers"),
        ("Jaký text obsahuje část svitku?", "isaiah.rtf", "", "svitku s textem Knihy"),
        ("What does the test paragraph of chapter 1 contain?", "book.epub", "Chapter 1: Test Content", "test paragraph"),
        ("Who wants to have a look at mime4j?", "jira.eml", "", "mime4j"),
        ("What should a mapper emit before the reducer works?", "hadoop.mbox#2", "", "<key, value> pairs"),
        ("What does Alice Example tell Bob?", "simple.msg", "", "Bob"),
        ("Whose framework d'indexation des documents is it?", "framework.xml", "", "indexation"),
        ("What does the notebook print?", "notebook.ipynb", "cell 2", "markitdown"),
        ("How many heads had the multi-head-attention-over-parameters sublayer in the first experiment?", "attention.tex",
         "§ Two Feed-Forward Layers = Attention over Parameters", "$h_p=8$ heads"),
        ("Should the text contain all letters of the alphabet?", "outline.pdf", "p. ", "all letters of the alphabet"),
        ("How long is the Sava tunnel?", "tunnels.pdf", "p. 2", "2,410 metres"),
        ("Which room does Ene Kask have?", "staff.json", "", "214"),
        ("What is the price of the copper kettle?", "orders.jsonl", "line 1", "price: 31.5"),
        ("How many moorings has the west quay?", "guide.rst", "§ Moorings", "forty moorings"),
        ("At how many degrees does the glaze melt?", "kiln.py", "line 5", "1240 degrees"),
        ("How many beehives has the Hagen roof?", "page.html", "Bees", "nine beehives"),
        ("By how much is inference with OTSL faster than with HTML?", "otsl.html", "5.1 Hyper Parameter Optimization", "2x speed"),
        ("Which exception was thrown because content extraction is not allowed?", "access.json", "item 1", "AccessPermission"),
        ("What does the forecasting procedure calculate for seasons?", "forecasting.jsonl", "line 1", "seasonal index"),
        ("Why does six place proxy objects that lazily load modules?", "six.rst", "§ Renamed modules and attributes compat",
         "lazily load"),
        ("What is the actual metaclass in six.py?", "six.py", "line 865", "the actual metaclass"),
        ("What is rtf_meta:emb_class called now?", "overlay.tsv", "row 44", "rtf:embedded-class"),
    ],
)  # fmt: skip
def test_a_question_finds_it(library: Library, question: str, source: str, locator: str, words: str) -> None:
    """The characters that are found are the document's, hold the answer, and say where they stand."""
    hits = [hit for hit in library.search(question, 5) if hit.source == source and words in hit.text]
    assert hits
    for hit in hits:
        assert library.document(source).text[hit.start : hit.end] == hit.text
        _, place = library._catalog.documents.locate(hit.document_id, hit.start + hit.text.index(words))
        assert locator in " › ".join((place, hit.heading))


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "Un été à la plage, où les élèves préfèrent nager. Ça va bien, naïve grand-mère."),
        ("cp1252", "The “quoted” text costs £5 – not €6."),
        ("cp1252", "Não há informações sobre a situação, mas à noite não é possível."),
        ("cp1252", "Õhtul läheme metsa, kus öö on külm ja mõnus."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Chtěl bych se zeptat, kolik to stojí."),
        ("cp1250", "Az erdő szélén a kőműves házat épít. A bíróság döntése szerint a szerződés érvénytelen."),
        ("cp1251", "Привет, как дела? Сегодня хорошая погода."),
        ("cp1253", "Καλημέρα κόσμε, τι κάνετε σήμερα;"),
    ],
)
def test_old_encodings(encoding: str, words: str) -> None:
    """In text, in pages that say nothing of it, and in those that do."""
    said = f"<html><head><meta charset={encoding}></head><body><p>{words}</p></body></html>"
    silent = f"<html><body><p>{words}</p></body></html>"
    for text, name in ((words, "x.txt"), (silent, "x.html"), (said, "x.html")):
        assert words in parse(text.encode(encoding), name).documents[0].text
    wrong = said.replace(encoding, "iso-8859-1").encode()  # it says so, and is UTF-8
    assert words in parse(wrong, "x.html").documents[0].text


@pytest.mark.parametrize(
    ("name", "reason", "remedy"),
    [
        ("tika--simple_normal_case.doc", "old Word file", "DOCX"),
        ("tika--testPPT_various.ppt", "old PowerPoint file", "PPTX"),
        ("tika--testODTEncrypted.odt", "password", "without a password"),
        ("tika--protect.xlsx", "password", "without a password"),
        ("tika--testWORD_truncated.docx", "damaged or incomplete", "save it again"),
        ("docling--DeepSeek.pdf", "no text layer", "OCR"),
        ("pypdf--r6-user-password.pdf", "password", "without a password"),
    ],
)
def test_what_is_refused_says_why(name: str, reason: str, remedy: str) -> None:
    """One clear line, and what to do about it."""
    found = [path for kind in ("plain", "hard") if (path := DATA / "formats" / kind / name).exists()]
    if not found:
        pytest.skip("no shared data beside this checkout")
    with pytest.raises(ReadError, match=reason) as raised:
        parse(found[0].read_bytes(), name)

    assert remedy in raised.value.hint


@pytest.mark.process
def test_all_plain_files_are_read() -> None:
    """None is refused but what is out of scope; every text is canonical, every anchor inside it."""
    folder = DATA / "formats" / "plain"
    if not folder.is_dir():
        pytest.skip("no shared data beside this checkout")
    parser, refused = Parser(), {}
    for path in sorted(folder.iterdir()):
        try:
            found = parser.parse(path.read_bytes(), path.name)
        except ReadError as error:
            refused[path.name] = str(error)
            continue
        for document in found.documents:
            starts = [mark.start for mark in document.anchors]
            assert sorted(starts) == starts
            assert all(0 <= start <= len(document.text) for start in starts)
            assert document.title
    parser.close()

    assert all(name.endswith((".doc", ".ppt")) or "password" in reason for name, reason in refused.items()), refused


def test_a_wrong_suffix_does_not_matter() -> None:
    """What a file is, its bytes say."""
    assert "Test EPUB Document" == parse((FORMATS / "book.epub").read_bytes(), "x.docx").documents[0].title
    assert "p. 1" == parse((FORMATS / "outline.pdf").read_bytes(), "x.txt").documents[0].anchors[0].name
    assert "<b>" not in parse(b"<!DOCTYPE html><p><b>Bold</b> words stand here.</p>", "x.txt").documents[0].text
    with pytest.raises(ReadError, match="archive"):
        parse(zipped({"a.txt": b"hello"}), "x.docx")


def test_locators_of_landmarks() -> None:
    """In the words of their kind."""
    assert "slide 4" == Anchor(0, "slide 4", 4).locator(3)
    assert "line 12" == Anchor(0, counts="line", first=10).locator(2)


NAMES = [
    "../secret.txt", "../../secret.txt", "..\\secret.txt", "..%2fsecret.txt", "....//secret.txt", "/etc/passwd", "//etc/passwd",
    "C:\\secret.txt", "\\\\host\\share\\x.txt", "~/secret.txt", "$HOME/secret.txt", "file:///etc/passwd", "a/../../secret.txt",
    "./../secret.txt", "secret.txt\0.png", ".\0./secret.txt", "con.txt", "nul", ".", "..", "", " ", "a" * 300 + ".txt", "-rf.txt",
    "`id`.txt", "$(id).txt", "x;id.txt", "x|id.txt", "x\ny.txt", "\u202egnp.txt", "<img src=x>.txt", "%00.txt", "secret.txt#1",
    "#", "x#y#z.txt", "\ud800.txt", "sécret.txt", "../index/catalog.sqlite3", "index/../../secret.txt", "{secret}.txt",
]  # fmt: skip


@pytest.mark.process
def test_no_name_leads_outside(tmp_path: Path) -> None:
    """Of an attachment, a part of a zip, standard input, a document that is asked for: nothing outside is read or written."""
    (tmp_path / "secret.txt").write_text("The canary sings at noon.")
    inner = tmp_path / "room"
    (inner / "mail").mkdir(parents=True)
    for n, name in enumerate(NAMES):
        printable = name.encode("utf-8", "replace").decode()
        letter = (
            "From: a@example.org\nSubject: hello\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
            "Content-Type: text/plain\n\nSee below.\n--b\nContent-Type: text/plain\n"
            f"Content-Disposition: attachment; filename*=utf-8''{quote(printable, safe='')}\n\nThe kettle is copper.\n--b--\n"
        )
        (inner / "mail" / f"{n}.eml").write_text(letter, "utf-8")
        item = f'<item id="i" href="{escape(printable, quote=True)}"/>'.replace("\0", "")
        parts = {
            "mimetype": b"application/epub+zip",
            "META-INF/container.xml": b'<c><rootfile full-path="o.opf"/></c>',
            "o.opf": f'<p><manifest>{item}</manifest><spine><itemref idref="i"/></spine></p>'.encode(),
            (printable.replace("\0", "") or "x"): b"<p>A chapter of words.</p>",
        }
        (inner / "mail" / f"{n}.epub").write_bytes(zipped(parts))
    before = {path for path in tmp_path.rglob("*") if inner not in path.parents}
    with Library.open(inner / "index", short_lived=True) as library:
        assert library.sync(inner / "mail").added > 1.5 * len(NAMES)
        for name in NAMES:
            with contextlib.suppress(RagError):
                library.add_bytes(b"The ladder is oak.", name.encode("utf-8", "replace").decode() or "x")
            with contextlib.suppress(RagError):
                assert b"canary" not in library.original(name)
            with contextlib.suppress(RagError):
                assert "canary" not in library.document(name).text
        texts = " ".join(library.document_by_id(id_).text for id_, _ in library._catalog.documents.live())

    assert "copper" in texts
    assert "oak" in texts
    assert "canary" not in texts
    assert "root:" not in texts
    assert before == {path for path in tmp_path.rglob("*") if inner not in path.parents}


@pytest.mark.process
def test_what_failed_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its name is given, and when rag has learned to read more; otherwise not before it changes."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.csv").write_text("name,sum\nkettle,31\n")
    os.utime(folder / "a.csv", (1e9, 1e9))  # one that changed a moment ago would be looked at twice anyway
    parsed: list[str] = []

    class RefusingParser:
        def parse(self, data: bytes, name: str, charset: str = "") -> ParsedFile:
            parsed.append(name)
            raise ReadError("not yet", "wait")

        def close(self) -> None:
            pass

        interrupt = close

    def opened(version: str) -> Library:
        monkeypatch.setattr("rag.sources.parsers.VERSION", version)
        return Library.open(tmp_path / "index", short_lived=True)

    for version, times in (("1", 1), ("1", 1), ("2", 2)):
        with opened(version) as library:
            library.__dict__["_parser"] = RefusingParser()
            assert 1 == len(library.sync(folder).failed)
            library.sync(folder)
        assert times == len(parsed)
    with opened("2") as library:
        assert (1, ()) == ((report := library.add(folder / "a.csv")).added, report.failed)


def test_whatever_a_parser_raises_is_about_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of any kind becomes one that costs only the file."""

    def broken(data: bytes, name: str) -> None:
        raise StopIteration

    monkeypatch.setattr("rag.sources.parsers.markdown.parse", broken)
    with pytest.raises(ReadError, match="markdown parser failed"):
        parse(b"# words", "a.md")


def test_what_a_document_says_about_itself_is_bounded() -> None:
    """Title, author and metadata are stored and shown with every passage, so none may be as long as a text."""
    fields = "".join(f"field {n}: {'v' * 5000}\n" for n in range(200))
    data = f"---\ntitle: {'t' * 50_000}\nauthor: {'a' * 50_000}\n{fields}---\nThe text.\n".encode()
    document = parse(data, "a.md").documents[0]

    assert (500, 500) == (len(document.title), len(document.author))
    assert 50 == len(document.metadata)
    assert 2_000 == max(map(len, document.metadata.values()))
