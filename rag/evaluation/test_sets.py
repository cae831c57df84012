"""Finds and reads the files of test sets. A child process with limits on time and memory parses them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rag.child_process import ChildCrashError, ChildTimeoutError, SupervisedChild
from rag.errors import SetError
from rag.evaluation.records import Corpus, Gold, Question, QuestionSet
from rag.evaluation.test_set_formats import ParsedSet
from rag.records import Document

_DOCUMENT_FOLDERS = ("files", "documents", "docs")
_CHILD = "rag.evaluation.test_set_child"
_LIMIT_S = 60.0
_BYTES_PER_S = 200_000  # larger files get more time


def read_set(path: Path) -> QuestionSet:
    """Reads a test set.

    Args:
        path: A YAML, JSON or JSON Lines file, a SQuAD file, a BEIR folder, or a folder that contains questions.jsonl. Such
            a folder can also contain the documents, in corpus.jsonl or as files in files/, documents/ or docs/.

    Raises:
        SetError: The test set cannot be read, or a question in it is invalid; the message names the question.
    """
    if path.is_dir():
        return _read_folder(path)
    data = _read_bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    parsed = _parse("set", path, data)
    corpus = Corpus(digest, parsed.documents) if parsed.documents is not None else None
    return QuestionSet(path.stem, digest, parsed.questions, corpus)


def read_corpus(path: Path) -> Corpus:
    """Reads a test set's documents.

    Args:
        path: A JSON Lines file with one object {id, title, text} per line, or a folder of files.

    Raises:
        SetError: The corpus cannot be read, or a document has no id or text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        digest = hashlib.sha256()
        for file in files:
            content = hashlib.sha256(_read_bytes(file)).digest()
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + content)
        return Corpus(digest.hexdigest(), folder=str(path))
    data = _read_bytes(path)
    return Corpus(hashlib.sha256(data).hexdigest(), _parse("corpus", path, data).documents or ())


def _read_folder(path: Path) -> QuestionSet:
    if (path / "queries.jsonl").is_file() and (path / "qrels").is_dir():
        return _read_beir(path)
    if not (path / "questions.jsonl").is_file():
        raise SetError(
            f"{str(path)!r} contains no test set",
            "the folder must contain questions.jsonl, or corpus.jsonl, queries.jsonl and qrels/ as in BEIR",
        )
    questions = read_set(path / "questions.jsonl")
    corpora = [path / "corpus.jsonl", *(path / name for name in _DOCUMENT_FOLDERS)]
    corpus = next((read_corpus(place) for place in corpora if place.exists()), None)
    return QuestionSet(path.resolve().name, questions.digest, questions.questions, corpus)


def _read_beir(path: Path) -> QuestionSet:
    tables = {file.stem: file for file in sorted((path / "qrels").glob("*.tsv"))}
    table = tables.get("test") or next(iter(tables.values()), None)
    if table is None:
        raise SetError(f"{path / 'qrels'} contains no .tsv file", "BEIR's relevance judgements belong in qrels/test.tsv")
    qrels, queries = _read_bytes(table), _read_bytes(path / "queries.jsonl")
    digest = hashlib.sha256(qrels + queries).hexdigest()
    questions = _parse("beir", path, qrels, queries).questions
    return QuestionSet(path.resolve().name, digest, questions, read_corpus(path / "corpus.jsonl"))


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetError(f"cannot read {str(path)!r}: {error.strerror}", "check the path") from None


def _parse(kind: str, path: Path, *files: bytes) -> ParsedSet:
    """Has a child process parse the content of a test set's files."""
    payload = b"".join(files)
    limit_s = _LIMIT_S + len(payload) / _BYTES_PER_S
    request = {"kind": kind, "path": str(path), "sizes": [len(data) for data in files], "limit_s": limit_s}
    child = SupervisedChild.start(_CHILD)
    try:
        reply = child.request(request, payload, limit_s=2 * limit_s).message
    except (ChildTimeoutError, ChildCrashError):
        raise SetError(f"parsing {path} takes too much time or memory", "split it into smaller files") from None
    finally:
        child.end()
    if "error" in reply:
        raise SetError(str(reply["error"]), str(reply["hint"]))
    documents = reply["documents"]
    return ParsedSet(
        tuple(map(_question, reply["questions"])),
        None if documents is None else tuple(Document(**fields) for fields in documents),
    )


def _question(fields: Mapping[str, Any]) -> Question:
    lists = {name: tuple(fields[name]) for name in ("answers", "must_mention", "within")}
    return Question(**{**fields, **lists, "evidence": tuple(Gold(**gold) for gold in fields["evidence"])})
