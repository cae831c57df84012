"""A small library for tests of answers: eight short documents about eight things, written for this purpose."""

from __future__ import annotations

from rag import Answer, Document, Library

_TEXTS = {
    "ferry.txt": (
        "Night ferry to Skarholm returns", "Ines Falk", "2024-03-18",
        "The night ferry between Varnes and Skarholm will sail again from 2 May 2024, the Norrland Line said on Monday. "
        "The crossing takes 11 hours and a cabin for two costs 148 euros. "
        "“We have waited four years for this ship to come out of the yard,” said Astrid Holm, who runs the company. "
        "The ferry was laid up in 2020 after a fire in the engine room. "
        "No passengers were hurt in that fire, but 37 lorries were destroyed. "
        "The town council of Skarholm has paid for a new pier with 6.4 million euros from the harbour fund.",
    ),
    "bridge.txt": (
        "Report on the Morava footbridge", "Tomas Novak", "2023-11-02",
        "The footbridge over the Morava at Lednice was closed in October 2023 because three of its cables had "
        "rusted through. "
        "Inspectors found the damage during a routine visit that takes place every 24 months. "
        "Tomas Novak, the district engineer, wrote that “the bridge can be repaired within nine months if the "
        "money is found”. "
        "The repair is estimated at 1,250,000 crowns, and the district has set aside 800,000. "
        "Until then, walkers have to use the road bridge at Podivin, five kilometres upstream.",
    ),
    "bees.md": (
        "City bees", "Leila Haddad", "2022-07-09",
        "# City bees\n\nLeila Haddad keeps 14 hives on the roof of the Marlow library. "
        "In the summer of 2022 the hives gave 210 kilograms of honey, twice as much as the year before. "
        "She says the bees live mainly on the lime trees of Station Road and on the gardens behind the hospital. "
        "“Pesticides are hardly used in the city, so the bees are healthier here than in the fields,” Haddad said. "
        "The honey is sold in the library for 9 pounds a jar, and the money buys books for the children’s room.",
    ),
    "chess.txt": (
        "Olari wins in Tartu", "", "2025-01-26",
        "Jaan Olari won the Tartu Open on Sunday with eight points from nine games. "
        "The 17-year-old beat Grandmaster Peeter Lukk in the last round after 64 moves. "
        "Lukk, who had won the tournament in 2021 and 2023, finished third behind Maria Sild. "
        "“I saw the rook sacrifice only after he had offered a draw,” Olari said afterwards. "
        "He is now 12 rating points short of the grandmaster title. "
        "The prize of 5,000 euros will pay for his journey to the championship in Lyon in June.",
    ),
    "water.txt": (
        "Water rules for Calder Valley", "Calder Valley Water Board", "2024-08-05",
        "From 12 August 2024 the Calder Valley Water Board forbids the watering of lawns between 8 a.m. and 8 p.m. "
        "The Bellmoor reservoir has fallen to 41 percent of its volume, the lowest August level since 1995. "
        "Vegetable gardens, cattle and fire ponds are not affected by the rule. "
        "Whoever breaks it pays 120 pounds the first time and 400 pounds after that. "
        "The board’s chair, Owen Pritchard, said that “nobody will be without drinking water this summer”.",
    ),
    "opera.txt": (
        "New roof for the opera in Arenzano", "Giulia Conti", "2021-05-30",
        "The opera house of Arenzano, built in 1887 by Renzo Bassi, gets a new copper roof. "
        "The old one let in rain above the stage, and 22 performances were cancelled last winter. "
        "The works last from June to November 2021 and cost 3.2 million euros, half of it paid by the region of Liguria. "
        "Director Paola Ferri plans to open the next season with “La Traviata” on 4 December. "
        "During the works the orchestra plays in the church of San Marco.",
    ),
    "solar.txt": (
        "Solar field on the Hollin mine", "Grace Adeyemi", "2025-02-11",
        "A solar field of 52 hectares is to be built on the spoil heap of the closed Hollin mine. "
        "Grace Adeyemi of Northlight Energy said the field would supply 9,800 homes from the autumn of 2026. "
        "The mine employed 2,300 people until it closed in 1984; the solar field will employ eleven. "
        "The parish council did not object, but it asked that the footpath to Raven Hill stay open. "
        "Sheep will graze between the panels, as they do at the company’s field in Dunmore.",
    ),
    "museum.txt": (
        "Clock museum moves", "Henrik Stahl", "2023-04-14",
        "The clock museum of Furtwald moves from the old school into the former railway station in September 2023. "
        "Its collection holds 1,730 clocks, of which only a third could be shown in the school. "
        "The oldest, a tower clock of 1541, came from the abbey of Sankt Blasien. "
        "Curator Henrik Stahl said that “a clock that does not tick is a piece of furniture”, and most of them will run. "
        "Entry stays free for children under twelve; adults pay 7 euros.",
    ),
}  # fmt: skip


def documents() -> list[Document]:
    """The library, ready to be added."""
    return [
        Document(text, title, author, date, source=name, content_hash=name)
        for name, (title, author, date, text) in _TEXTS.items()
    ]


def resolved(library: Library, answer: Answer) -> Answer:
    """Checks that each citation is its document's characters and that the text has its number; returns the answer."""
    for c in answer.citations:
        assert library.document(c.source).text[c.start : c.end] == c.quote != ""
        assert f"[{c.n}]" in answer.text
    return answer
