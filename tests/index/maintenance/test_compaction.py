"""After `rm` and `compact`, nothing of a document is left in any file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rag import Document, Library
from rag.errors import IndexBusyError

from ...torture.world import open_library, text_of

PDF = """%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length {length}>>stream
{stream}
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""


def pdf(words: str) -> bytes:
    stream = f"BT /F1 12 Tf 20 100 Td ({words}) Tj ET"
    return PDF.format(length=len(stream), stream=stream).encode()


def canary(kind: str, n: int) -> str:
    return f"zq{kind}canary{'abcdefghijklmnopqrst'[n]}xw"


FORMS = {
    "txt": lambda word: f"The secret word is {word}. It must not stay.".encode(),
    "md": lambda word: f"# Notes on {word}\n\nThe secret word is {word}.\n".encode(),
    "html": lambda word: f"<html><title>{word}</title><body><p>The secret word is {word}, as everybody here knows by now, "
    f"and it stands in a paragraph that is long enough to be an article.</p></body></html>".encode(),
    "pdf": lambda word: pdf(f"The secret word is {word}."),
}  # fmt: skip


def left_in(folder: Path, words: list[str]) -> list[str]:
    """Returns which words are left in the files below a folder, in any case, and in UTF-16 too."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            names = path.name.lower().encode()
            for word in words:
                if word.encode() in data or word.encode("utf-16-le") in data or word.encode() in names:
                    found.append(f"{word} in {path}")
    return found


@pytest.mark.process
def test_forgotten_means_gone(tmp_path: Path) -> None:
    """In text, titles, headings and file names of 20 documents in each format; other documents are unchanged."""
    documents, temporary, index = tmp_path / "documents", tmp_path / "temporary", tmp_path / "index"
    documents.mkdir(), temporary.mkdir()
    words = [canary(kind, n) for kind in FORMS for n in range(20)]
    for kind, form in FORMS.items():
        for n in range(20):
            (documents / f"{canary(kind, n)}.{kind}").write_bytes(form(canary(kind, n)))
    for n in range(30):
        (documents / f"kept{n}.txt").write_text(text_of(f"kept{n}", 1))
    program = (
        "import sys; from rag import Library\n"
        "with Library.open(sys.argv[1]) as library:\n"
        "    library.sync(sys.argv[2]); library.sync_vectors()\n"
        "    library.search('secret word')\n"
        "    library.remove(*[i.source for i in library.documents() if 'canary' in i.source])\n"
        "    library.compact()\n"
    )
    env = {**os.environ, "TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary), "HOME": str(temporary)}
    with Library.open(index) as library:
        assert library.sync(documents).added == 110
        assert library.settings is not None
    assert len(left_in(index, words)) >= len(words)  # the words are there before
    done = subprocess.run(
        [sys.executable, "-c", program, str(index), str(documents)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert left_in(index, words) == []
    assert left_in(temporary, words) == []
    assert [path for path in temporary.rglob("*") if path.is_file()] == []

    with Library.open(index) as library:
        assert library.check().problems == ()
        assert {info.source for info in library.documents()} == {f"kept{n}.txt" for n in range(30)}
        assert library.sync(documents).added == 0  # they stay out, although their names are not stored
        assert library.search("uniquekept7v1p2")[0].source == "kept7.txt"


def test_without_compact_nothing_is_found(tmp_path: Path) -> None:
    """After `rm` alone, no search, list or text shows it, and its terms are no longer in the full-text index."""
    with open_library(tmp_path / "index") as library:
        library.add_documents([Document("The secret word is zqcanaryxw.", "Zqcanaryxw", source="zqcanaryxw")])
        library.add_documents([Document("Another text.", "Other", source="other")])
        library.remove("zqcanaryxw")
        assert [info.source for info in library.documents()] == ["other"]
        assert library._catalog.passages.document_frequency(["zqcanaryxw"]) == {"zqcanaryxw": 0}
        assert {hit.source for hit in library.search("zqcanaryxw secret word")} <= {"other"}


@pytest.mark.process
def test_forgetting_what_backups_and_reindexing_kept(tmp_path: Path) -> None:
    """`compact` also deletes what a restore or a reindexing keeps for going back."""
    index = tmp_path / "index"
    with open_library(index) as library:
        library.add_documents([Document("The secret word is zqcanaryxw.", "Zqcanaryxw", source="zqcanaryxw")])
        library.back_up(tmp_path / "backup")
    Library.restore(tmp_path / "backup", index)
    with open_library(index, embedder="other") as library:
        library.reindex()
        library.remove("zqcanaryxw")
        before, after = library.compact()
        assert after < before
        assert library._catalog.versions.other() is None

    assert left_in(index, ["zqcanaryxw"]) == []


@pytest.mark.process
def test_compact_names_who_is_in_its_way(tmp_path: Path) -> None:
    """Chroma is rebuilt, so no other process may have it open."""
    with open_library(tmp_path / "index", short_lived=False) as holder, open_library(tmp_path / "index") as other:
        holder.add_documents([Document("A text.", "T", source="t")])
        holder.sync_vectors()
        with pytest.raises(IndexBusyError, match=rf"searching through Chroma \(pid {os.getpid()}"):
            other.compact()


def test_a_new_file_of_an_old_name(tmp_path: Path) -> None:
    """A removed file stays out as long as it exists; a later file of the same name is a different one."""
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "a.txt").write_text("First.")
    (documents / "b.txt").write_text("Second.")
    with open_library(tmp_path / "index") as library:
        library.sync(documents)
        library.remove("a.txt")
        (documents / "a.txt").write_text("First, changed.")
        assert library.sync(documents).added == 0
        (documents / "a.txt").unlink()
        library.sync(documents)
        (documents / "a.txt").write_text("A new one.")
        assert library.sync(documents).added == 1
        assert re.search("new one", library.document("a.txt").text)


def test_temporary_files_are_ours() -> None:
    """Temporary files are created in the folder that the first test checks."""
    program = "import tempfile; print(tempfile.gettempdir())"
    with tempfile.TemporaryDirectory() as folder:
        said = subprocess.run([sys.executable, "-c", program], env={**os.environ, "TMPDIR": folder},
                              capture_output=True, text=True, check=True)  # fmt: skip
        assert said.stdout.strip() == folder
