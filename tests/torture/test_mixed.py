"""Folders of mixed formats: a sync killed repeatedly ends like an undisturbed one; malicious files harm no others."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Library
from rag.errors import ReadError
from rag.sources.parser_process import Parser
from tests.making import pdf, zipped

from .world import open_library

pytestmark = pytest.mark.process

FORMATS = Path(__file__).parent.parent / "data" / "formats"
WORKER = Path(__file__).with_name("sync_worker.py")
REAL = sorted(path for path in FORMATS.iterdir() if path.suffix != ".md")
LONGEST_S = 30.0  # for each of two attempts
MOST_GROWTH = 300_000  # kB


def mixed(folder: Path, count: int) -> None:
    """Writes `count` files: real ones of every format, generated ones, and one in ten that cannot be read."""
    folder.mkdir()
    for n in range(count):
        real = REAL[n % len(REAL)]
        if n % 10 == 9:
            (folder / f"{n:03}-cut.docx").write_bytes((FORMATS / "report.docx").read_bytes()[: 2_000 + n])
        elif n % 2:
            shutil.copy(real, folder / f"{n:03}-{real.name}")
        elif n % 4:
            (folder / f"{n:03}.csv").write_text(f"Name,Sum\nbarrel {n},{n * 3}\nladder {n},{n * 7}\n")
        else:
            (folder / f"{n:03}.pdf").write_bytes(
                pdf([[(60, 700, f"Bridge number {n} was opened in {1800 + n % 200}.")]] * 2)
            )


def state(library: Library) -> dict[str, object]:
    """Returns everything that an index knows of its documents: text, anchors, passages with terms and vectors; failures."""
    catalog, found = library._catalog, {}
    for info in library.documents():
        if info.state == "failed":
            found[info.source] = (info.error, info.hint)
            continue
        document = library.document(info.source)
        passages = catalog.passages.overlapping(catalog.documents.find(info.source), 0, len(document.text) + 1)
        ids, spans = [id_ for id_, *_ in passages], [passage[1:] for passage in passages]
        terms = [passage.terms for passage in catalog.passages.terms(ids)]
        vectors = [hashlib.sha256(catalog.vectors.of_passages([id_])[id_].tobytes()).hexdigest() for id_ in ids]
        found[info.source] = (document.text, document.anchors, document.metadata, spans, terms, vectors)
    return found


def test_a_sync_killed_again_and_again_ends_as_one_let_alone(tmp_path: Path, full: bool, seed: int) -> None:
    """Documents, passages, terms and vectors equal those of an index that was built without interruption."""
    files, kills = (500, 50) if full else (100, 6)
    folder, chooser = tmp_path / "documents", random.Random(seed)
    mixed(folder, files)
    begun = time.monotonic()
    with open_library(tmp_path / "whole") as library:
        library.sync(folder)
        expected = state(library)
    took = time.monotonic() - begun

    killed = 0
    for n in range(kills):
        index = tmp_path / f"killed-{n // 10}"
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(index), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert "ready" in worker.stdout.readline()
        time.sleep(chooser.uniform(0, took / 4))
        worker.kill()
        worker.communicate()
        killed += worker.returncode != 0
        if n % 10 == 9 or n == kills - 1:
            with open_library(index) as library:
                library.sync(folder)
                assert expected == state(library)
                library.sync_vectors()
                assert () == library.check().problems
                done = library._embedder.embedded
                library.sync(folder)
                assert done == library._embedder.embedded
    assert killed >= kills / 2, "the kills came too late to mean anything"


def broken(data: bytes, chooser: random.Random) -> bytes:
    """Returns a damaged file: bits flipped, truncated, a part zeroed, or a part copied elsewhere in it."""
    held = bytearray(data)
    match chooser.randrange(4):
        case 0:
            for _ in range(chooser.randint(1, 40)):
                held[chooser.randrange(len(held))] ^= 1 << chooser.randrange(8)
        case 1:
            del held[chooser.randrange(len(held)) :]
        case 2:
            at = chooser.randrange(len(held))
            length = min(len(held) - at, chooser.randint(1, 4096))
            held[at : at + length] = bytes(length)
        case _:
            a, b, length = chooser.randrange(len(held)), chooser.randrange(len(held)), chooser.randint(1, 2048)
            held[a:a] = held[b : b + length]
    return bytes(held)


def bombs() -> Iterator[tuple[str, bytes]]:
    """Yields malicious files: they try to use up memory or time, or to read other files."""
    body = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{}</w:body></w:document>'
    lol = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY l0 "lol">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)
    ) + "]><l>&l9;</l>"  # fmt: skip
    yield "bomb.docx", zipped({"word/document.xml": body.format(f"<w:p><w:r><w:t>{'a' * 120_000_000}</w:t></w:r></w:p>")})
    yield "large.docx", zipped({"word/document.xml": body.format("<w:p><w:r><w:t>word</w:t></w:r></w:p>" * 50_000)})
    yield "nested.docx", zipped({"word/document.xml": body.format("<w:tbl><w:tr><w:tc>" * 90_000)})
    yield "entities.docx", zipped({"word/document.xml": lol})
    yield "entities.xml", lol.encode()
    yield "outside.xml", b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>hello &x;</r>'
    yield "outside.epub", zipped({"META-INF/container.xml": '<c><rootfile full-path="../../../../etc/passwd"/></c>'})
    yield "parts.pptx", zipped({f"ppt/{n}": "" for n in range(25_000)})
    yield "nested.json", b"[" * 100_000 + b"]" * 100_000
    yield "nested.html", b"<div>" * 100_000 + b"hello"
    yield "nested.xml", b"<a>" * 100_000
    yield "tables.html", b"<table><tr><td rowspan=99 colspan=99>a" * 20_000
    yield "spans.html", b"<table>" + b"<tr>" + b"<th rowspan=65534 colspan=65534>a" * 500 + b"<tr><td>b" * 2_000
    yield "nested.rtf", b"{\\rtf1 " + b"{" * 200_000 + b"hello" + b"}" * 200_000
    yield (
        "nested.eml",
        b"From: a@b.c\nContent-Type: multipart/mixed; boundary=b\n\n"
        + (b"--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 5_000),
    )
    yield "long-line.txt", b"x" * 1_000_000
    yield "long-row.csv", b"a," * 300_000
    yield "open-quote.csv", b'a,"' + b"b\n" * 200_000
    tree = b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[2 0 R]/Count 99999>>endobj"
    yield "pages.pdf", b"%PDF-1.4\n" + tree + b" trailer<</Root 1 0 R>>"
    yield "stream.pdf", b"%PDF-1.4\n1 0 obj<</Length 99999999999>>stream\n" + b"\0" * 1_000
    yield "nothing.xlsx", b"PK\x03\x04" + bytes(1_000)
    yield "ole.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 5_000
    yield "surrogates.json", b'{"a": "\\ud800\\udfff \\ud800", "b": "words"}'


def test_files_made_to_hurt_cost_themselves_only(tmp_path: Path, full: bool, seed: int) -> None:
    """Each is read or refused with a reason, in time; good files in the same folder are added; no other file leaks."""
    chooser, folder = random.Random(seed), tmp_path / "documents"
    folder.mkdir()
    for n in range(2_090 if full else 130):
        real = REAL[n % len(REAL)]
        (folder / f"{n:04}-broken{real.suffix}").write_bytes(broken(real.read_bytes(), chooser))
    for name, data in bombs():
        (folder / name).write_bytes(data)
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "na\udce9ve \u202egnp.txt").write_text("An odd name does no harm.")
    for n in range(10):
        (folder / f"good-{n}.txt").write_text(f"The anchor number {n} holds.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    parser = Parser()

    class Timed:
        close, interrupt = parser.close, parser.interrupt

        def parse(self, data: bytes, name: str, charset: str = "") -> object:
            nonlocal slowest
            begun = time.monotonic()
            try:
                return parser.parse(data, name, charset)
            finally:
                slowest = max(slowest, time.monotonic() - begun)

    with open_library(tmp_path / "index") as library:
        library.__dict__["_parser"] = Timed()
        report = library.sync(folder)
        infos = {info.source: info for info in library.documents()}
        texts = "".join(library.document(info.source).text for info in infos.values() if info.state == "ready")
    assert all(f"good-{n}.txt" in infos and infos[f"good-{n}.txt"].state == "ready" for n in range(10))
    there = {path.name.encode("utf-8", "backslashreplace").decode() for path in folder.iterdir()} - {"loop.txt"}
    assert there == {source.split("#")[0] for source in infos}
    assert all(failure.error and failure.hint for failure in report.failed)
    assert "root:" not in texts
    assert slowest < 2 * LONGEST_S + 5, slowest
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH


@pytest.mark.parametrize("how", ["hangs", "eats memory", "crashes"])
def test_a_parser_that_fails_is_replaced(how: str, tmp_path: Path) -> None:
    """The next file is read whatever happened to the child."""
    parser = Parser(limit_s=25.0 if how == "eats memory" else 2.0)
    good = json.dumps({"note": "the kettle is copper"}).encode()
    assert "copper" in parser.parse(good, "a.json").documents[0].text
    child = parser._child
    assert child is not None
    if how == "hangs":
        os.kill(child.pid, signal.SIGSTOP)
    elif how == "crashes":
        os.kill(child.pid, signal.SIGSTOP)
        threading.Timer(0.3, lambda: [os.kill(child.pid, sign) for sign in (signal.SIGSEGV, signal.SIGCONT)]).start()
    if how == "eats memory":
        with pytest.raises(ReadError, match=r"memory|crashed"):
            parser.parse(zipped({"word/document.xml": "<a>" + "<b/>" * 12_000_000 + "</a>"}), "x.docx")
    else:
        assert "copper" in parser.parse(good, "b.json").documents[0].text
    assert "copper" in parser.parse(good, "c.json").documents[0].text
    parser.close()
