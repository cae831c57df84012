"""Parses test sets and their documents in YAML, JSON, JSON Lines, SQuAD and BEIR format. Only this module imports yaml.

Test sets come from anyone, so this code runs in a child process (`test_set_child`).
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rag.errors import SetError
from rag.evaluation.records import Gold, Question
from rag.records import Document

_FIELDS = frozenset({"id", "question", "answers", "must_mention", "evidence", "answerable", "type", "group"})
# Further fields that public test sets contain. `context_doc_ids` and `label` are read; the other fields are ignored.
_KNOWN_FIELDS = frozenset(
    """context_doc_ids label level all_answers chunk_type scope_docs edit_types original_summary source domain title
    note metadata decomposition""".split()
)
_GOLD_FIELDS = frozenset({"source", "doc_id", "quote", "start", "end", "relevance", "page", "title", "url"})
SET_HINT = "a test set is a list of questions; its format is described in docs/using.md under Evaluation"
_CORPUS_HINT = "each line in a corpus file must be a JSON object {id, title, text}"
_MAX_VALUES = 5_000_000  # in a YAML file, after all aliases are replaced


@dataclass(frozen=True, slots=True)
class ParsedSet:
    """The content of a test set's file.

    Attributes:
        questions: The questions; empty in a file of documents.
        documents: The documents; None if the file contains none.
    """

    questions: tuple[Question, ...]
    documents: tuple[Document, ...] | None = None


def parse_set(data: bytes, path: str) -> ParsedSet:
    """Parses a YAML, JSON, JSON Lines or SQuAD file.

    Args:
        data: The file's content.
        path: The file's path, whose extension determines the format.

    Raises:
        SetError: The file cannot be parsed, or a question in it is invalid; the message names the question.
    """
    rows = _parse(data, path)
    if isinstance(rows, Mapping) and isinstance(rows.get("data"), list):
        questions, documents = _parse_squad(rows["data"], path)
        return ParsedSet(_check(questions, path), documents)
    if isinstance(rows, Mapping) and isinstance(rows.get("questions"), list):
        rows = rows["questions"]
    if not isinstance(rows, list) or not rows:
        raise SetError(f"{path} contains no questions", SET_HINT)
    return ParsedSet(_check([_parse_question(row, n) for n, row in enumerate(rows, start=1)], path))


def parse_beir(qrels: bytes, queries: bytes, path: str) -> ParsedSet:
    """Parses a test set in BEIR's data format. Source: beir-cellar/beir, wiki, "Load your custom dataset".

    Args:
        qrels: Content of the file with the relevance judgements.
        queries: Content of queries.jsonl.
        path: The test set's folder, for messages.

    Raises:
        SetError: A file cannot be parsed.
    """
    gold = _parse_qrels(qrels, path)
    questions = [
        Question(str(row["_id"]), str(row.get("text") or ""), evidence=tuple(gold[str(row["_id"])]), type="retrieval")
        for row in _parse_lines(queries, f"{path}/queries.jsonl")
        if isinstance(row, dict) and str(row.get("_id")) in gold
    ]
    return ParsedSet(_check(questions, path))


def parse_corpus(data: bytes, path: str) -> ParsedSet:
    """Parses a JSON Lines file with one document {id, title, text} per line.

    Raises:
        SetError: The file cannot be parsed, or a document has no id or text.
    """
    documents = tuple(_parse_document(row, n, path) for n, row in enumerate(_parse_lines(data, path), start=1))
    if len({document.source for document in documents}) < len(documents):
        raise SetError(f"{path}: two documents have the same id", "give each document a unique id")
    return ParsedSet((), documents)


def _parse(data: bytes, path: str) -> Any:
    import yaml

    suffix = PurePath(path).suffix
    if suffix == ".jsonl":
        return list(_parse_lines(data, path))
    try:
        return json.loads(data) if suffix == ".json" else _parse_yaml(data, path)
    except (ValueError, yaml.YAMLError) as error:
        kind = "JSON" if suffix == ".json" else "YAML"
        raise SetError(f"{path} is not valid {kind}: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SetError(f"the data in {path} is nested too deeply", SET_HINT) from None


def _parse_yaml(data: bytes, path: str) -> Any:
    import yaml

    loader = yaml.SafeLoader(data)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        if _expanded_size(root, {}) > _MAX_VALUES:
            raise SetError(f"the aliases in {path} repeat its values too often", "write the values out instead")
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _expanded_size(node: Any, known: dict[int, float]) -> float:
    """Returns the number of values in a YAML node after all aliases are replaced; infinite if it contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf  # until all of its values have been counted
        children = node.value if isinstance(node.value, list) else []
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[id(node)] = 1 + sum(_expanded_size(part, known) for part in parts)
    return known[id(node)]


def _parse_lines(data: bytes, path: str) -> Iterator[Any]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SetError(f"{path} is not encoded in UTF-8", "save the file as UTF-8") from None
    for n, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise SetError(f"{path} is not valid JSON Lines: error in line {n}: {error}") from None


def _check(questions: Sequence[Question], path: str) -> tuple[Question, ...]:
    if not questions:
        raise SetError(f"{path} contains no questions", SET_HINT)
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise SetError(f"{path}: two questions have the id {question.id!r}")
        seen.add(question.id)
    return tuple(questions)


def _parse_question(row: object, n: int) -> Question:
    if not isinstance(row, dict) or not str(row.get("question") or "").strip():
        raise SetError(f"entry {n} has no question")
    id_ = str(row.get("id") or n)
    unknown = set(row) - _FIELDS - _KNOWN_FIELDS
    if unknown:
        raise SetError(
            f"question {id_!r} has unknown fields: {', '.join(sorted(map(str, unknown)))}",
            f"the known fields are {', '.join(sorted(_FIELDS))}",
        )
    answerable = row.get("answerable", True)
    if not isinstance(answerable, bool):
        raise SetError(f"question {id_!r}: `answerable` must be true or false")
    answers = tuple(map(str, _list_field(row, "answers", id_)))
    must_mention = tuple(map(str, _list_field(row, "must_mention", id_)))
    if answerable and not any(text.strip() for text in (*answers, *must_mention)):
        raise SetError(
            f"question {id_!r} is answerable but has no answers",
            "add answers or must_mention, or set answerable to false",
        )
    return Question(
        id=id_,
        question=str(row["question"]).strip(),
        answers=answers,
        must_mention=must_mention,
        evidence=tuple(_parse_gold(gold, id_) for gold in _list_field(row, "evidence", id_)),
        answerable=answerable,
        type=str(row.get("type") or ""),
        group=str(row.get("group") or ""),
        within=tuple(map(str, _list_field(row, "context_doc_ids", id_))),
        label=bool(row["label"]) if row.get("label") in (0, 1) else None,
    )


def _list_field(row: Mapping[str, Any], field: str, id_: str) -> list[Any]:
    value = row.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise SetError(f"question {id_!r}: `{field}` must be a list")
    return value


def _parse_gold(gold: object, id_: str) -> Gold:
    source = (gold.get("source") or gold.get("doc_id")) if isinstance(gold, dict) else None
    if not isinstance(gold, dict) or not source or set(gold) - _GOLD_FIELDS:
        raise SetError(f"question {id_!r} has invalid evidence", "use the form {source: FILE, quote: TEXT}")
    start, relevance = gold.get("start"), gold.get("relevance", 1.0)
    if not isinstance(relevance, (int, float)) or relevance < 0:
        raise SetError(f"question {id_!r}: `relevance` must be a number greater than or equal to 0")
    return Gold(
        source=str(source),
        quote=str(gold.get("quote") or "").strip(),
        start=start if isinstance(start, int) else None,
        relevance=float(relevance),
    )


def _parse_document(row: object, n: int, path: str) -> Document:
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise SetError(f"{path}: document {n} has no text", _CORPUS_HINT)
    source = str(row.get("id") or row.get("_id") or "")
    if not source:
        raise SetError(f"{path}: document {n} has no id", _CORPUS_HINT)
    return Document(
        text=row["text"],
        title=str(row.get("title") or ""),
        author=str(row.get("author") or ""),
        date=str(row.get("date") or ""),
        source=source,
    )


def _parse_qrels(data: bytes, path: str) -> dict[str, list[Gold]]:
    """Returns the relevant documents for each query id. The first line of the data may be a header."""
    gold: dict[str, list[Gold]] = {}
    rows = csv.reader(data.decode("utf-8", "replace").splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    for n, row in enumerate(rows, start=1):
        if len(row) == 3 and row[2].strip().lstrip("-").isdigit():
            if int(row[2]) > 0:
                gold.setdefault(row[0], []).append(Gold(row[1], relevance=float(row[2])))
        elif n > 1:
            raise SetError(f"{path}: invalid line {n}", "use three columns, separated by tabs: query-id, corpus-id, score")
    return gold


def _parse_squad(articles: Sequence[Any], path: str) -> tuple[list[Question], tuple[Document, ...]]:
    """Returns the questions, and one document for each paragraph.

    Source: SQuAD 1.1 and 2.0 (rajpurkar.github.io/SQuAD-explorer).
    """
    questions: list[Question] = []
    documents: list[Document] = []
    try:
        for n, article in enumerate(articles):
            title = str(article.get("title") or n)
            for p, paragraph in enumerate(article["paragraphs"]):
                source = f"{title}#p{p}"
                documents.append(Document(str(paragraph["context"]), title.replace("_", " "), source=source))
                questions += [_parse_squad_question(row, source) for row in paragraph["qas"]]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SetError(
            f"{path} looks like a SQuAD file but is incomplete",
            "each entry of `data` must have `paragraphs`, and each paragraph must have `context` and `qas`",
        ) from None
    return questions, tuple(documents)


def _parse_squad_question(row: Mapping[str, Any], source: str) -> Question:
    impossible = bool(row.get("is_impossible", False))
    answers = [] if impossible else row["answers"]
    return Question(
        id=str(row["id"]),
        question=str(row["question"]).strip(),
        answers=tuple(dict.fromkeys(str(answer["text"]) for answer in answers)),
        evidence=tuple(Gold(source, str(answer["text"]), int(answer["answer_start"])) for answer in answers[:1]),
        answerable=not impossible,
        type="unanswerable" if impossible else "span",
        group=source,
        within=(source,),
    )
