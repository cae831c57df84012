"""Follow-up questions are rewritten to stand alone: references are filled in, and the right document is found."""

from __future__ import annotations

import pytest

from rag import Library
from rag.answering.follow_up import standalone
from rag.records import Turn

# (question before, its answer, follow-up, words that it must have then, where the answer is)
PAIRS = [
    ("When does the night ferry sail again?", "From 2 May 2024.", "How long does it take?", "night ferry", "ferry.txt"),
    ("Who runs the Norrland Line?", "Astrid Holm runs the company.", "What did she say?", "Astrid Holm", "ferry.txt"),
    ("Why was the ferry laid up?", "After a fire in the engine room.", "When?", "When was the ferry laid up?", "ferry.txt"),
    ("What did Astrid Holm wait for?", "For the ship to come out of the yard.", "And for how long?", "Astrid Holm", "ferry.txt"),
    ("Was anybody hurt in the fire on the ferry?", "No passengers were hurt.", "And lorries?", "lorries ferry", "ferry.txt"),
    ("Who paid for the new pier in Skarholm?", "The town council.", "How much did it cost?", "pier", "ferry.txt"),
    ("Why was the footbridge over the Morava closed?", "Its cables had rusted.", "When was it closed?", "footbridge Morava", "bridge.txt"),
    ("When was the footbridge over the Morava closed?", "In October 2023.", "Why?", "Why was the footbridge", "bridge.txt"),
    ("When was the footbridge over the Morava closed?", "In October 2023.", "what for?", "footbridge Morava", "bridge.txt"),
    ("Who is Tomas Novak?", "The district engineer.", "What did he write?", "Tomas Novak", "bridge.txt"),
    ("Who is the district engineer?", "Tomas Novak.", "What does he say about the bridge?", "Tomas Novak", "bridge.txt"),
    ("How much is the repair of the footbridge estimated at?", "At 1,250,000 crowns.", "How much is set aside for it?", "repair footbridge", "bridge.txt"),
    ("Where do walkers cross while the footbridge is closed?", "At Podivin.", "How far is it?", "footbridge", "bridge.txt"),
    ("Who keeps bees on the library’s roof?", "Leila Haddad keeps 14 hives.", "What does she do with the honey?", "Leila Haddad honey", "bees.md"),
    ("How many hives does Leila Haddad keep?", "She keeps 14.", "Where are they?", "hives", "bees.md"),
    ("How much honey did the hives give in 2022?", "210 kilograms.", "And how much the year before?", "honey", "bees.md"),
    ("What does a jar of the honey cost?", "9 pounds.", "Where is it sold?", "honey", "bees.md"),
    ("What do the bees of Marlow live on?", "Lime trees.", "Are they healthy?", "bees", "bees.md"),
    ("Who won the Tartu Open?", "Jaan Olari won it on Sunday.", "How old is he?", "Jaan Olari", "chess.txt"),
    ("Who won the Tartu Open?", "Jaan Olari won it on Sunday.", "Who did he beat?", "Jaan Olari", "chess.txt"),
    ("Who won the Tartu Open?", "Jaan Olari won it on Sunday.", "How much money did he win?", "Jaan Olari", "chess.txt"),
    ("How many points did Jaan Olari get?", "Eight of nine.", "What about Maria Sild?", "Maria Sild", "chess.txt"),
    ("When did Peeter Lukk win the tournament?", "In 2021 and 2023.", "Where did he finish this time?", "Peeter Lukk", "chess.txt"),
    ("What will Jaan Olari do with his prize?", "Travel to Lyon.", "What is there?", "Lyon", "chess.txt"),
    ("What does the Calder Valley Water Board forbid?", "The watering of lawns.", "Since when?", "Calder Valley Water Board", "water.txt"),
    ("What does the Calder Valley Water Board forbid?", "The watering of lawns.", "And vegetable gardens?", "vegetable gardens", "water.txt"),
    ("How full is the Bellmoor reservoir?", "41 percent.", "When was it last so low?", "Bellmoor reservoir", "water.txt"),
    ("What does it cost to break the water rule the first time?", "120 pounds.", "And after that?", "water rule", "water.txt"),
    ("Who chairs the Calder Valley Water Board?", "Owen Pritchard.", "What did he promise?", "Owen Pritchard", "water.txt"),
    ("Who built the opera house of Arenzano?", "Renzo Bassi.", "When was it built?", "opera house Arenzano", "opera.txt"),
    ("What do the works on the opera of Arenzano cost?", "3.2 million euros.", "Who pays for them?", "works opera Arenzano", "opera.txt"),
    ("Who directs the opera of Arenzano?", "Paola Ferri.", "What does she plan?", "Paola Ferri", "opera.txt"),
    ("Where does the orchestra of Arenzano play during the works?", "In San Marco.", "Until when?", "orchestra", "opera.txt"),
    ("How many performances were cancelled in Arenzano?", "22.", "Why?", "performances Arenzano", "opera.txt"),
    ("How large is the solar field on the Hollin mine?", "52 hectares.", "How many homes will it supply?", "solar field Hollin", "solar.txt"),
    ("Who speaks for Northlight Energy?", "Grace Adeyemi.", "What did she say?", "Grace Adeyemi", "solar.txt"),
    ("How many people did the Hollin mine employ?", "2,300.", "When did it close?", "Hollin mine", "solar.txt"),
    ("How many people did the Hollin mine employ?", "2,300.", "And the solar field?", "solar field employ", "solar.txt"),
    ("Did the parish council object to the solar field?", "It did not.", "What did it ask for?", "parish council", "solar.txt"),
    ("Where does the clock museum of Furtwald move?", "Into the former railway station.", "When?", "clock museum Furtwald", "museum.txt"),
    ("How many clocks does the museum of Furtwald have?", "1,730.", "How old is the oldest of them?", "clocks", "museum.txt"),
    ("Who is the curator of the clock museum?", "Henrik Stahl.", "What does he think of clocks that do not tick?", "Henrik Stahl", "museum.txt"),
    ("What do adults pay in the clock museum?", "7 euros.", "And children?", "children clock museum", "museum.txt"),
    ("Where does the oldest clock of the museum come from?", "From the abbey of Sankt Blasien.", "tell me more", "oldest clock", "museum.txt"),
    ("How much honey did the hives give in 2022?", "210 kilograms.", "and in 2021?", "honey 2021", "bees.md"),
    ("What does the prize of the Tartu Open pay for?", "A journey to Lyon.", "Who else won something?", "won", "chess.txt"),
]  # fmt: skip

# The same without a library: (question before, its answer, follow-up, how it is understood).
UNDERSTOOD = [
    ("Who met Sun Weidong in New Delhi?", "Foreign Secretary Vikram Misri.", "What did they agree on?",
     "What did Foreign Secretary Vikram Misri and Sun Weidong agree on?"),
    ("What did India raise with Sun Weidong?", "Rare earths.", "Who met him?", "Who met Sun Weidong?"),
    ("What is IREL?", "IREL is a miner.", "Who owns it?", "Who owns IREL?"),
    ("Where is Apple's headquarters?", "In Cupertino.", "And Microsoft's?", "Where is Microsoft's headquarters?"),
    ("What was Apple's revenue in 2022?", "$394bn", "and in 2023?", "What was Apple's revenue in 2023?"),
    ("What are the side effects of aspirin?", "Nausea.", "Is it safe for children?", "Is aspirin safe for children?"),
    ("Summarise this document", "…", "Who wrote it?", "Who wrote the document?"),
    ("How does photosynthesis work?", "By light.", "Why is it important?", "Why is photosynthesis important?"),
]  # fmt: skip

ALONE = [
    "Who won the Tartu Open?",
    "What is the capital of France?",
    "Is there a fire pond?",
    "How many hives are there on the roof?",
    "Which documents mention Liguria?",
    "What did the board say that nobody expected?",
    "List all prices.",
    "What does Grace Adeyemi think about sheep?",
]


@pytest.mark.parametrize(("before", "answer", "question", "words", "source"), PAIRS)
def test_follow_ups(library: Library, before: str, answer: str, question: str, words: str, source: str) -> None:
    """The words are there, and the document is the first that is found."""
    made = standalone(question, [Turn(before, answer)])

    assert all(word.casefold() in made.casefold() for word in words.split()), made
    assert source == library.search(made)[0].source, made


@pytest.mark.parametrize(("before", "answer", "question", "expected"), UNDERSTOOD)
def test_understood(before: str, answer: str, question: str, expected: str) -> None:
    """Word for word."""
    assert expected == standalone(question, [Turn(before, answer)])


@pytest.mark.parametrize("question", ALONE)
def test_what_stands_alone_is_left_alone(question: str) -> None:
    """Nothing is put into a question that needs nothing."""
    assert question == standalone(question, [Turn("When does the night ferry sail again?", "From 2 May 2024.")])
    assert question == standalone(question, [])


def test_a_chain() -> None:
    """Each follow-up refers to the one before, as it was rewritten."""
    history = [Turn("Who won the Tartu Open?", "Jaan Olari won it.")]
    for question, answer, words in [
        ("How old is he?", "He is 17.", "Jaan Olari"),
        ("Why did he win?", "By a rook sacrifice.", "Jaan Olari"),
        ("And when?", "On Sunday.", "Jaan Olari"),
    ]:
        assert words in standalone(question, history)
        history.append(Turn(question, answer))
