"""A model's claims, quotations and markers are checked against its passages: bad ones are flagged, true ones are not."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rag import Hit, Library
from rag.answering.verification.answer_check import MARKER, check_answer, claim_spans, marker_numbers
from rag.records import Answer, Document, Ranks
from rag.settings import Settings
from rag.text.sentences import sentences

from ... import corpus
from ... import model_server as fake
from ...torture.world import leave_chroma_alone

DOCUMENTS = {document.source: document for document in corpus.documents()}


def hits(*sources: str) -> list[Hit]:
    """Each document as one passage."""
    ids = {source: id_ for id_, source in enumerate(DOCUMENTS)}
    return [
        Hit(
            source=source,
            title=document.title,
            page=None,
            start=0,
            end=len(document.text),
            score=0.5,
            text=document.text,
            heading="",
            author=document.author,
            date=document.date,
            ranks=Ranks(dense=0.5, lexical=1.0, dense_rank=1, lexical_rank=1),
            document_id=ids[source],
        )
        for source in sources
        for document in [DOCUMENTS[source]]
    ]


def text_of(document_id: int, start: int, end: int) -> str:
    return list(DOCUMENTS.values())[document_id].text[start:end]


def check(answer: str, *sources: str, question: str = "What is new?"):
    return check_answer(answer, hits(*(sources or ("ferry.txt", "bridge.txt", "water.txt"))), text_of, question)


def verdicts(answer: str, *sources: str) -> list[str]:
    return [flag.verdict for flag in check(answer, *sources).flags]


@pytest.mark.parametrize(
    "claim",
    [
        "The crossing takes 11 hours [1].",
        "A cabin for two costs €148 [1].",
        "The night ferry will sail again from May 2, 2024 [1].",
        "Thirty-seven lorries were destroyed [1].",
        "Nobody was hurt in the fire, which destroyed 37 lorries [1].",
        "Astrid Holm said: “We have waited four years for this ship to come out of the yard” [1].",
        'Holm, who runs the company, has "waited four years for this ship" [1].',
        "The pier was paid for with 6,400,000 euros by the council of Skarholm [1].",
        "The repair costs 1.25 million crowns, of which 800,000 are set aside [2].",
        "The bridge “can be repaired … if the money is found” [2].",
        "The ferry returns in 2024 [1], while the footbridge at Lednice is closed [2].",
        "The passages do not say how many people work on the ferry.",
        "In short:\n- the ferry sails again on 2 May [1]\n- the bridge was closed in October 2023 [2]",
        "It is called “Night ferry to Skarholm returns” [1].",
        "Lawns may not be watered between 8 a.m. and 8 p.m. from 12 August 2024 [3].",
        "Yes [1].",
    ],
)
def test_true_claims_are_not_flagged(claim: str) -> None:
    """Said as the source says it, in its own words or others."""
    done = check(claim)

    assert () == done.flags
    for c in done.citations:
        assert DOCUMENTS[c.source].text[c.start : c.end] == c.quote


@pytest.mark.parametrize(
    ("claim", "verdict", "note"),
    [
        ("The crossing takes 13 hours [1].", "weak", "says 13, the source says 11"),
        ("A cabin for two costs 184 euros [1].", "weak", "says 184, the source says 148"),
        ("The repair costs 1.52 million crowns [2].", "weak", "says 1.52, the source says 1,250,000"),
        ("The ferry was laid up in 2019 after a fire in the engine room [1].", "weak", "says 2019, the source says 2020"),
        ("Karin Holm runs the company behind the night ferry [1].", "weak", "names Karin, which is not in the source"),
        ("The footbridge over the Danube at Lednice was closed in October 2023 [2].", "weak", "names Danube"),
        ("The night ferry between Varnes and Skarholm will not sail again from 2 May 2024 [1].", "weak", "denies"),
        ("Passengers were hurt in that fire, but 37 lorries were destroyed [1].", "weak", "leaves out"),
        ("Three of its cables had rusted through, so the footbridge was closed [1].", "weak", "“Report on the Morava"),
        ("Sharks have been seen near the coast of the island [1].", "weak", "little of this"),
        ("The crossing takes 11 hours [7].", "unknown marker", "no such passage"),
        ("The crossing between the two towns takes 11 hours.", "uncited", ""),
        ("Holm said “we will never build another ship like it” [1].", "not found", ""),
        ('Holm has "waited five years for this ship" [1].', "not found", ""),
        ('Holm said "the ferry was laid up and a new pier" [1].', "not found", ""),
        ("Novak wrote that “the bridge can be repaired within nine months” [1].", "misattributed", ""),
        ("It was “rusted solid” [2].", "not found", ""),
    ],
)
def test_false_claims_are_flagged(claim: str, verdict: str, note: str) -> None:
    """Each with what is wrong."""
    flags = check(claim).flags

    assert [f for f in flags if f.verdict == verdict and note in f.note], flags


def test_a_quotation_may_stand_elsewhere_in_the_document() -> None:
    """It is looked for in the whole cited document; the citation has its place there."""
    whole = DOCUMENTS["water.txt"].text
    (hit,) = hits("water.txt")
    first = replace(hit, text=whole[:110], end=110)
    done = check_answer("The chair said “nobody will be without drinking water this summer” [1].", [first], text_of, "q")

    (citation,) = done.citations
    assert "exact" == citation.verdict
    assert "nobody will be without drinking water this summer" == whole[citation.start : citation.end] == citation.quote
    assert () == done.flags


def test_several_sources_may_bear_out_a_part_each() -> None:
    """A marker that adds nothing is named; those that carry a part of the claim are not."""
    shared = "The ferry to Skarholm takes 11 hours [1], and Lednice’s footbridge is closed [2]"

    assert [] == verdicts(f"{shared}.")
    (flag,) = check(f"{shared}[3].").flags
    assert ("weak", "[3] little of this is in the source") == (flag.verdict, flag.note)


def test_a_document_that_changed_is_not_cited() -> None:
    """A citation is made of what is there now, or not at all."""
    done = check_answer("The crossing takes 11 hours [1].", hits("ferry.txt"), lambda *_: "other words", "q")

    assert () == done.citations
    assert "unknown marker" in {flag.verdict for flag in done.flags}
    assert "The crossing takes 11 hours [?]." == done.text


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        ("[1]", [1]), ("[1, 3]", [1, 3]), ("[1;3]", [1, 3]), ("[2-4]", [2, 3, 4]), ("[2–4, 7]", [2, 3, 4, 7]),
        ("[^2]", [2]), ("[passage 2]", [2]), ("[Sources 1 and 2]", [1, 2]), ("【3†source】", [3]), ("【1】", [1]),
        ("[1, passage 2]", [1, 2]),
    ],
)  # fmt: skip
def test_markers_as_models_write_them(marker: str, expected: list[int]) -> None:
    """Several ways, one meaning."""
    match = MARKER.fullmatch(marker)

    assert match
    assert expected == marker_numbers(match)


@pytest.mark.parametrize("text", ["[a]", "[1.5]", "[2024-01-01]", "[]", "(1)", "[12345]"])
def test_what_is_no_marker(text: str) -> None:
    """Brackets alone do not make one."""
    assert not MARKER.search(text)


def test_a_marker_within_a_quotation_is_quoted() -> None:
    """The document's own brackets lead nowhere."""
    done = check("He wrote “see [2] for more of this” there.")

    assert () == done.citations
    assert "[2]" in done.text


def test_claims_take_their_markers() -> None:
    """Before the full stop, after it, or at the beginning of the next."""
    text = "One thing. [1] Another thing [2]. A third.[3] [4]"

    assert ["One thing. [1]", "Another thing [2].", "A third.[3] [4]"] == [text[a:b].strip() for a, b in claim_spans(text)]


class Script:
    """A model whose replies are true or false by script."""

    def __init__(self, chooser: random.Random) -> None:
        self._chooser = chooser
        self._kinds = itertools.cycle(KINDS)  # one after the other, because a kind cannot be made of every passage
        self.is_bad = False
        self.kind = ""
        self.answer = ""

    def __call__(self, handler: fake.Handler) -> None:
        prompt = handler.server.requests[-1]["body"]["messages"][-1]["content"]
        passages = re.findall(r'<passage number="\d+" source="([^"]*)"[^>]*>\n(.*?)\n</passage>', prompt, re.DOTALL)
        made = None
        while made is None:
            self.kind, make, self.is_bad = next(self._kinds)
            n = self._chooser.randrange(len(passages))
            made = make(self._chooser, n + 1, passages[n][1], passages)
        self.answer = made
        fake.says(*re.findall(r".{1,7}", made, re.DOTALL))(handler)


Passages = list[tuple[str, str]]
Make = Callable[[random.Random, int, str, Passages], str | None]


def sentence(chooser: random.Random, text: str) -> str:
    """One without quotation marks of its own."""
    found = [text[a:b] for a, b in sentences(text) if not re.search(r"[“”\"#]", text[a:b]) and b - a > 50]
    return chooser.choice(found)


def words(chooser: random.Random, text: str, least: int = 5) -> str:
    """Some words in a row."""
    row = sentence(chooser, text).rstrip(".").split()
    count = chooser.randint(least, min(10, len(row)))
    at = chooser.randint(0, len(row) - count)
    return " ".join(row[at : at + count]).strip(",;")


def another(chooser: random.Random, n: int, passages: Passages) -> tuple[int, str]:
    """A passage of another document."""
    others = [(i, text) for i, (source, text) in enumerate(passages, start=1) if source != passages[n - 1][0]]
    return chooser.choice(others)


def copied(c: random.Random, n: int, text: str, _: Passages) -> str:
    return f"{sentence(c, text).rstrip('.')} [{n}]."


def quoted(c: random.Random, n: int, text: str, _: Passages) -> str:
    return f"The text says “{words(c, text)}” [{n}]."


def quoted_with_comma(c: random.Random, n: int, text: str, _: Passages) -> str:
    return f'According to the text, "{words(c, text)}," and that is all [{n}].'


def quoted_with_gap(c: random.Random, n: int, text: str, _: Passages) -> str:
    row = sentence(c, text).rstrip(".").split()
    return f"The text says “{' '.join(row[:3])} … {' '.join(row[-3:])}” [{n}]."


def in_other_order(c: random.Random, n: int, text: str, _: Passages) -> str | None:
    said = sentence(c, text).rstrip(".")
    first, comma, rest = said.partition(", ")
    return f"{rest[0].upper()}{rest[1:]}; {first[0].lower()}{first[1:]} [{n}]." if comma and len(rest) > 30 else None


def two_sources(c: random.Random, n: int, text: str, passages: Passages) -> str:
    m, other = another(c, n, passages)
    return f"{copied(c, n, text, passages)} {sentence(c, other).rstrip('.')} [{m}]."


def invented_quotation(c: random.Random, n: int, text: str, _: Passages) -> str:
    made = [
        "we shall regret this for a long time",
        "nothing of the kind was ever promised",
        "it is a great day for all of us",
    ]
    return f"The text says “{c.choice(made)}” [{n}]."


def altered_quotation(c: random.Random, n: int, text: str, _: Passages) -> str:
    row = words(c, text).split()
    row[c.randrange(1, len(row) - 1)] = c.choice(["perhaps", "seldom", "purple", "elsewhere"])
    return f"The text says “{' '.join(row)}” [{n}]."


def stitched_quotation(c: random.Random, n: int, text: str, passages: Passages) -> str:
    _, other = another(c, n, passages)
    return f"The text says “{' '.join(words(c, text).split()[:4])} {' '.join(words(c, other).split()[-4:])}” [{n}]."


def stitched_within(c: random.Random, n: int, text: str, _: Passages) -> str | None:
    a, b = words(c, text).split(), words(c, text).split()
    made = " ".join([*a[:4], *b[-4:]])
    return f"The text says “{made}” [{n}]." if made not in text else None


def swapped_quotation(c: random.Random, n: int, text: str, passages: Passages) -> str:
    m, _ = another(c, n, passages)
    return f"The text says “{words(c, text, 6)}” [{m}]."


def swapped_marker(c: random.Random, n: int, text: str, passages: Passages) -> str:
    m, _ = another(c, n, passages)
    return f"{sentence(c, text).rstrip('.')} [{m}]."


def invented_marker(c: random.Random, n: int, text: str, passages: Passages) -> str:
    return f"{sentence(c, text).rstrip('.')} [{len(passages) + c.randint(1, 9)}]."


def no_marker(c: random.Random, n: int, text: str, _: Passages) -> str:
    return sentence(c, text)


def another_number(c: random.Random, n: int, text: str, _: Passages) -> str | None:
    said = sentence(c, text).rstrip(".")
    figures = [m for m in re.finditer(r"\d[\d,.]*\d|\d", said) if m.group() != "2"]
    if not figures:
        return None
    figure = c.choice(figures)
    return f"{said[: figure.start()]}{c.choice(['7,391', '86', '613', '1,066'])}{said[figure.end() :]} [{n}]."


def another_name(c: random.Random, n: int, text: str, _: Passages) -> str | None:
    said = sentence(c, text).rstrip(".")
    capitals = list(re.finditer(r"(?<=[a-z,] )[A-Z][a-z]{3,}", said))
    if not capitals:
        return None
    name = c.choice(capitals)
    return f"{said[: name.start()]}{c.choice(['Zubrowka', 'Quillon', 'Mirabel'])}{said[name.end() :]} [{n}]."


TRUE = [copied, quoted, quoted_with_comma, quoted_with_gap, in_other_order, two_sources]
BAD = [
    invented_quotation, altered_quotation, stitched_quotation, stitched_within, swapped_quotation, swapped_marker,
    invented_marker, no_marker, another_number, another_name,
]  # fmt: skip
KINDS: list[tuple[str, Make, bool]] = [(m.__name__, m, False) for m in TRUE] + [(m.__name__, m, True) for m in BAD]


@pytest.fixture
def scripted(tmp_path: Path, seed: int) -> Iterator[tuple[Script, Callable[[str], Answer], Library]]:
    """The small library, asked through a server whose model follows a script."""
    script = Script(random.Random(seed))
    with fake.model_server(script) as server:
        settings = Settings(model="m", base_url=server.url, k=6)
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            library.add_documents(corpus.documents())
            yield script, library.ask, library


def test_no_lie_passes_and_no_truth_is_flagged(scripted, full: bool) -> None:
    """Invented, altered, stitched, swapped quotations and markers, other figures and names are flagged; nothing true is."""
    script, ask, library = scripted
    texts: dict[str, Document] = {}
    wrong: list[str] = []
    asked: list[str] = []
    questions = ["What is said of {}?", "Tell me about {}.", "What happened with {}?"]
    for i in range(500 if full else 80):
        title = list(DOCUMENTS.values())[i % len(DOCUMENTS)].title
        answer = ask(questions[i % len(questions)].format(title))
        asked.append(script.kind)
        if bool(answer.flags) != script.is_bad:
            wrong.append(f"{script.kind}: {script.answer} → {[(f.verdict, f.note) for f in answer.flags]}")
        for c in answer.citations:
            document = texts.setdefault(c.source, library.document(c.source))
            assert document.text[c.start : c.end] == c.quote != ""
            assert c.verdict in ("exact", "normalised", "supported", "weak")
        for f in answer.flags:
            assert 0 <= f.answer_start < f.answer_end <= len(answer.text)

    assert wrong == []
    assert len(set(asked)) == len(KINDS)
