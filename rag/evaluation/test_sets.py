"""Test sets and their documents, from the formats in which people have them. The home of yaml."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rag.errors import SetError
from rag.evaluation.records import Corpus, Gold, Question, QuestionSet
from rag.records import Document

_FIELDS = frozenset({"id", "question", "answers", "must_mention", "evidence", "answerable", "type", "group"})
# What public sets carry besides; read where it means something to us, and else passed over.
_CARRIED = frozenset(
    """context_doc_ids label level all_answers chunk_type scope_docs edit_types original_summary source domain title
    note metadata decomposition""".split()
)
_GOLD_FIELDS = frozenset({"source", "doc_id", "quote", "start", "end", "relevance", "page", "title", "url"})
_DOCUMENT_FILES = ("files", "documents", "docs")
_SHAPE = "a set is a list of questions; see the README, Evaluate"


def read_set(path: Path) -> QuestionSet:
    """Reads a test set: YAML, JSONL, JSON, SQuAD's JSON; or a folder: BEIR's, or one with questions.jsonl.

    A folder may bring its documents: corpus.jsonl, or files/.

    Raises:
        SetError: It cannot be read, or a question of it cannot be used; the message names it.
    """
    if path.is_dir():
        return _of_folder(path)
    data = _bytes(path)
    digest = hashlib.sha256(data).hexdigest()
    rows = _parsed(data, path)
    if isinstance(rows, Mapping) and isinstance(rows.get("data"), list):
        questions, documents = _squad(rows["data"], path)
        return QuestionSet(path.stem, digest, _checked(questions, path), Corpus(digest, documents))
    if isinstance(rows, Mapping) and isinstance(rows.get("questions"), list):
        rows = rows["questions"]
    if not isinstance(rows, list) or not rows:
        raise SetError(f"{path} holds no questions", _SHAPE)
    questions = [_question(row, n) for n, row in enumerate(rows, start=1)]
    return QuestionSet(path.stem, digest, _checked(questions, path))


def read_corpus(path: Path) -> Corpus:
    """Reads the documents of a set: a JSONL of {id, title, text}, or a folder of files.

    Raises:
        SetError: It cannot be read, or a document has no id or text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        digest = hashlib.sha256()
        for file in files:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + hashlib.sha256(_bytes(file)).digest())
        return Corpus(digest.hexdigest(), folder=str(path))
    data = _bytes(path)
    documents = tuple(_document(row, n, path) for n, row in enumerate(_lines(data, path), start=1))
    sources = {document.source for document in documents}
    if len(sources) < len(documents):
        raise SetError(f"{path}: two documents have the same id")
    return Corpus(hashlib.sha256(data).hexdigest(), documents)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetError(f"{str(path)!r} cannot be read ({error.strerror})", "check the path") from None


def _parsed(data: bytes, path: Path) -> Any:
    import yaml

    if path.suffix == ".jsonl":
        return list(_lines(data, path))
    try:
        return json.loads(data) if path.suffix == ".json" else yaml.safe_load(data)
    except (ValueError, yaml.YAMLError) as error:
        kind = "JSON" if path.suffix == ".json" else "YAML"
        raise SetError(f"{path} is not valid {kind}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SetError(f"{path} is nested too deep", _SHAPE) from None


def _lines(data: bytes, path: Path) -> Iterator[Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SetError(f"{path} is not UTF-8", "save it as UTF-8") from None
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SetError(f"{path} is not valid JSON lines: line {n}: {error}") from None


def _checked(questions: Sequence[Question], path: Path) -> tuple[Question, ...]:
    if not questions:
        raise SetError(f"{path} holds no questions", _SHAPE)
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise SetError(f"{path}: two questions have the id {question.id!r}")
        seen.add(question.id)
    return tuple(questions)


def _question(row: object, n: int) -> Question:
    if not isinstance(row, dict) or not str(row.get("question") or "").strip():
        raise SetError(f"question {n} has no question")
    name = str(row.get("id") or n)
    unknown = set(row) - _FIELDS - _CARRIED
    if unknown:
        raise SetError(
            f"question {name!r} has unknown fields: {', '.join(sorted(map(str, unknown)))}",
            f"the fields are {', '.join(sorted(_FIELDS))}",
        )
    answerable = row.get("answerable", True)
    if not isinstance(answerable, bool):
        raise SetError(f"question {name!r}: answerable must be true or false")
    listed = {field: _listed(row, field, name) for field in ("answers", "must_mention", "evidence", "context_doc_ids")}
    answers = tuple(str(answer) for answer in listed["answers"])
    must = tuple(str(words) for words in listed["must_mention"])
    if answerable and not any(answer.strip() for answer in answers) and not any(map(str.strip, must)):
        raise SetError(
            f"question {name!r} is answerable but has no answers", "write what its answer must hold, or answerable: false"
        )
    return Question(
        name,
        str(row["question"]).strip(),
        answers,
        must,
        tuple(_gold(one, name) for one in listed["evidence"]),
        answerable,
        str(row.get("type") or ""),
        str(row.get("group") or ""),
        tuple(str(source) for source in listed["context_doc_ids"]),
        bool(row["label"]) if row.get("label") in (0, 1) else None,
    )


def _listed(row: Mapping[str, Any], field: str, name: str) -> list[Any]:
    found = row.get(field)
    if found is None:
        return []
    if not isinstance(found, list):
        raise SetError(f"question {name!r}: {field} must be a list")
    return found


def _gold(one: object, name: str) -> Gold:
    source = (one.get("source") or one.get("doc_id")) if isinstance(one, dict) else None
    if not isinstance(one, dict) or not source or set(one) - _GOLD_FIELDS:
        raise SetError(f"question {name!r}: evidence needs source and quote")
    start, relevance = one.get("start"), one.get("relevance", 1.0)
    if not isinstance(relevance, (int, float)) or relevance < 0:
        raise SetError(f"question {name!r}: relevance must be a number, 0 or more")
    return Gold(
        str(source), str(one.get("quote") or "").strip(), start if isinstance(start, int) else None, float(relevance)
    )


def _document(row: object, n: int, path: Path) -> Document:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise SetError(f"{path}: document {n} has no text", "a corpus holds {id, title, text} a line")
    source = str(row.get("id") or row.get("_id") or "")
    if not source:
        raise SetError(f"{path}: document {n} has no id", "a corpus holds {id, title, text} a line")
    author, date = (str(row.get(field) or "") for field in ("author", "date"))
    return Document(row["text"], str(row.get("title") or ""), author, date, source=source)


def _of_folder(path: Path) -> QuestionSet:
    if (path / "queries.jsonl").is_file() and (path / "qrels").is_dir():
        return _beir(path)
    if not (path / "questions.jsonl").is_file():
        raise SetError(
            f"{str(path)!r} holds no set", "a folder has questions.jsonl, or BEIR's corpus.jsonl, queries.jsonl and qrels/"
        )
    found = read_set(path / "questions.jsonl")
    corpora = [path / "corpus.jsonl", *(path / name for name in _DOCUMENT_FILES)]
    corpus = next((read_corpus(file) for file in corpora if file.exists()), None)
    return QuestionSet(path.resolve().name, found.digest, found.questions, corpus)


def _beir(path: Path) -> QuestionSet:
    """Source: BEIR's data format (beir-cellar/beir, wiki, "Load your custom dataset")."""
    tables = {file.stem: file for file in sorted((path / "qrels").glob("*.tsv"))}
    table = tables.get("test") or next(iter(tables.values()), None)
    if table is None:
        raise SetError(f"{path / 'qrels'} holds no .tsv", "BEIR's qrels are qrels/test.tsv")
    data = _bytes(table)
    wanted: dict[str, list[Gold]] = {}
    rows = csv.reader(data.decode("utf-8", "replace").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for n, row in enumerate(rows, start=1):
        if len(row) == 3 and row[2].strip().lstrip("-").isdigit():
            if int(row[2]) > 0:
                wanted.setdefault(row[0], []).append(Gold(row[1], relevance=float(row[2])))
        elif n > 1:
            raise SetError(f"{table}: line {n} is not query-id, corpus-id, score")
    queries = _bytes(path / "queries.jsonl")
    questions = [
        Question(str(row["_id"]), str(row.get("text") or ""), evidence=tuple(wanted[str(row["_id"])]), type="retrieval")
        for row in _lines(queries, path / "queries.jsonl")
        if isinstance(row, dict) and str(row.get("_id")) in wanted
    ]
    digest = hashlib.sha256(data + queries).hexdigest()
    return QuestionSet(path.resolve().name, digest, _checked(questions, path), read_corpus(path / "corpus.jsonl"))


def _squad(articles: Sequence[Any], path: Path) -> tuple[list[Question], tuple[Document, ...]]:
    """Source: SQuAD 1.1 and 2.0 (rajpurkar.github.io/SQuAD-explorer); a paragraph is a document."""
    questions: list[Question] = []
    documents: list[Document] = []
    try:
        for n, article in enumerate(articles):
            title = str(article.get("title") or n)
            for p, paragraph in enumerate(article["paragraphs"]):
                source = f"{title}#p{p}"
                documents.append(Document(str(paragraph["context"]), title.replace("_", " "), source=source))
                for asked in paragraph["qas"]:
                    impossible = bool(asked.get("is_impossible", False))
                    answers = [] if impossible else asked["answers"]
                    texts = tuple(dict.fromkeys(str(answer["text"]) for answer in answers))
                    gold = tuple(Gold(source, str(answer["text"]), int(answer["answer_start"])) for answer in answers[:1])
                    questions.append(
                        Question(str(asked["id"]), str(asked["question"]).strip(), texts, (), gold, not impossible,
                                 "unanswerable" if impossible else "span", source, (source,))
                    )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SetError(f"{path} looks like SQuAD's JSON and is not whole", "data → paragraphs → context, qas") from None
    return questions, tuple(documents)
