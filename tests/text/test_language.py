"""Languages: which one a text is in, words of scripts without spaces, and what is said where the embedder serves badly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Document, Library
from rag.records import Filter
from rag.text.language import language_notice, language_of, language_of_question

from ..torture.world import OwnDirections, leave_chroma_alone

TEXTS = {
    "en": "The ferry was laid up in 2020 after a fire in the engine room, and it will sail again from the second of May.",
    "de": "Die Fähre lag seit 2020 nach einem Brand im Maschinenraum still und soll am zweiten Mai wieder auslaufen.",
    "fr": "Le ferry était à quai depuis l’incendie de 2020 dans la salle des machines et reprendra la mer le deux mai.",
    "es": "El transbordador estuvo parado desde el incendio de 2020 en la sala de máquinas y zarpará el dos de mayo.",
    "it": "Il traghetto era fermo dal 2020 dopo un incendio nella sala macchine e tornerà a navigare dal due maggio.",
    "pt": "A balsa ficou parada desde 2020, depois de um incêndio na casa das máquinas, e voltará ao mar em dois de maio.",
    "nl": "De veerboot lag sinds 2020 stil na een brand in de machinekamer en zal vanaf twee mei opnieuw gaan varen.",
    "pl": "Prom stał bezczynnie od 2020 roku po pożarze w maszynowni i ma ponownie wypłynąć w morze drugiego maja.",
    "sv": "Färjan har legat stilla sedan 2020 efter en brand i maskinrummet och ska åter börja segla den andra maj.",
    "ru": "Паром стоял с 2020 года после пожара в машинном отделении и снова выйдет в море второго мая этого года.",
    "uk": "Пором стояв із 2020 року після пожежі в машинному відділенні й знову вийде в море другого травня.",
    "tr": "Feribot, makine dairesindeki yangından sonra 2020 yılından beri bekliyordu ve iki Mayıs’ta sefere çıkacak.",
    "el": "Το πλοίο έμεινε δεμένο από το 2020 μετά από φωτιά στο μηχανοστάσιο και θα ταξιδέψει ξανά στις δύο Μαΐου.",
    "zh": "这艘渡轮自二〇二〇年机舱失火以来一直停航，将于五月二日重新开航。",
    "ja": "このフェリーは2020年に機関室の火災で運航を停止し、五月二日から再び運航する。",
    "ko": "이 여객선은 2020년 기관실 화재 이후 운항을 멈추었으며 오월 이일부터 다시 운항한다.",
    "th": "เรือข้ามฟากหยุดให้บริการตั้งแต่ปี 2020 หลังเกิดไฟไหม้ในห้องเครื่อง และจะกลับมาเดินเรืออีกครั้งในวันที่สองพฤษภาคม",
}  # fmt: skip


@pytest.mark.parametrize("code", TEXTS)
def test_a_document(code: str) -> None:
    """Its language is told; of a long one too, whose beginning is in another."""
    assert code == language_of(TEXTS[code])
    assert code == language_of("ISBN 978-0-00 ABSTRACT\n" + TEXTS[code] * 60)


@pytest.mark.parametrize("text", ["", "42", "Sun Weidong", "a,b,c\n1,2,3\n" * 40, "\0" * 500, "x" * 100_000, "🙂" * 500])
def test_what_is_no_language(text: str) -> None:
    """Nothing is said of what is too short or is no text."""
    assert "" == language_of(text)


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("Wie viel kostet die Kabine für zwei Personen?", "de"), ("Combien coûte la cabine pour deux personnes ?", "fr"),
        ("印度向孙卫东提出了什么？", "zh"), ("インドは何を提起したのか", "ja"), ("Сколько стоит каюта для двоих?", "ru"),
        ("What did India raise with Sun Weidong?", ""), ("rare earth magnet exports China", ""), ("Sun Weidong", ""),
        ("night ferry Skarholm cabin price", ""), ("Who was Émile Zola?", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_question(question: str, code: str) -> None:
    """One in English, or a few names, is never called foreign."""
    common = frozenset(
        (Path(__file__).parent.parent.parent / "rag/models/weights/common-stems.txt").read_text("utf-8").split()
    )

    assert code == language_of_question(question, common)


def test_an_english_question_loads_nothing() -> None:
    """Half a second that who asks in English does not wait for."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from rag.text.language import *;"
         " language_of_question('What did India raise?', ());"
         " language_of('It is what it was, and so are they all. ' * 9); print('py3langid' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "False\n" == done.stdout


@pytest.mark.parametrize(
    ("question", "documents", "said"),
    [
        ("What does the cabin cost?", ["en", "en", ""], ""),
        ("What does the cabin cost?", ["de", "en", "en"], ""),
        ("What does the cabin cost?", [], ""),
        ("What does the cabin cost?", ["de", "de", "en"], "The passages found are in German"),
        ("Wie viel kostet die Kabine für zwei Personen?", ["en"], "The question is in German"),
        ("Wie viel kostet die Kabine für zwei Personen?", ["de"], "The question and the passages found are in German"),
        ("印度提出了什么？", ["zh"], "The question and the passages found are in Chinese"),
    ],
)
def test_what_is_said(question: str, documents: list[str], said: str) -> None:
    """Where the built-in embedder serves badly, with the remedy; else nothing."""
    told = language_notice(question, documents, frozenset({"en"}), ())

    assert told.startswith(said)
    assert bool(said) == bool(told)
    assert not said or "rag reindex" in told


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with Library.open(tmp_path_factory.mktemp("languages") / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents(Document(text, code, source=code) for code, text in TEXTS.items())
        yield opened


@pytest.mark.parametrize(
    ("words", "code"),
    [("机舱失火", "zh"), ("機関室の火災", "ja"), ("기관실 화재", "ko"), ("ไฟไหม้ในห้องเครื่อง", "th"),
     ("машинном отделении", "ru"), ("μηχανοστάσιο", "el"), ("balsa incêndio", "pt"), ("pożarze maszynowni", "pl")],
)  # fmt: skip
def test_words_of_any_script(library: Library, words: str, code: str) -> None:
    """Found by words, in scripts without spaces too: a part of a sentence is enough."""
    best = library.search(words)[0]

    assert code == best.source
    assert 1 == best.ranks.lexical_rank


def test_the_language_is_stored(library: Library) -> None:
    """With the document, in the list, and as a field to filter by."""
    assert {code: code for code in TEXTS} == {info.source: info.language for info in library.documents()}
    assert "ja" == library.document("ja").metadata["language"]
    assert {"de"} == {hit.source for hit in library.search("fire", filters=Filter(metadata={"language": "de"}))}


def test_the_answer_says_so(library: Library) -> None:
    """A question and documents in a language that the built-in embedder does not know; one that it knows."""
    answer = library.ask("机舱什么时候失火？", filters=Filter(sources=("zh",)))
    assert "are in Chinese" in answer.notice

    assert "" == library.ask("When was the ferry laid up?", filters=Filter(sources=("en",))).notice


def test_an_embedder_of_many_languages_needs_no_excuse(tmp_path: Path) -> None:
    """Another embedder takes what it takes."""
    with Library.open(tmp_path / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.__dict__["_embedder"] = OwnDirections()
        opened.add_documents([Document(TEXTS["zh"], "zh", source="zh")])

        assert "" == opened.ask("机舱什么时候失火？").notice


def test_what_a_document_says_of_its_language_holds(tmp_path: Path) -> None:
    """A program that knows better is believed."""
    with Library.open(tmp_path / "index", short_lived=True) as opened:
        leave_chroma_alone(opened)
        opened.add_documents([Document(TEXTS["de"], "x", source="x", metadata={"language": "lb"})])

        assert "lb" == opened.documents()[0].language
