"""An embeddings endpoint that is down, slow, or sends no vectors: imports wait and go on, questions go by words."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag import Library
from rag.errors import EmbedderError
from rag.models.embeddings_endpoint import EndpointEmbedder

from .. import model_server as fake
from ..torture.world import leave_chroma_alone

pytestmark = pytest.mark.outage

OLD = "The harbour of Varnes has 41 berths for yachts. The harbour master is Ines Falk."
NEW = "The harbour of Varnes has 52 berths for yachts. The harbour master is Ines Falk."
LATER = "The lighthouse of Skarholm was built in 1871 by Anders Lund. Its lamp shines 22 miles."


def trickling(handler: fake.Handler) -> None:
    """A reply of which a byte comes now and then, for ever."""
    handler.begin(200, "application/json")
    for _ in range(300):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def replaced(value: object) -> fake.Reply:
    """Vectors of which the first has a strange value in it."""
    return fake.embeds_badly(lambda rows: [[value, *rows[0][1:]], *rows[1:]])


FAULTS = {
    "down": None,
    "500": fake.fails(500),
    "401": fake.fails(401),
    "404": fake.fails(404),
    "429": fake.fails(429),
    "no quota": fake.fails(429, code="insufficient_quota"),
    "silent": fake.waits,
    "trickles": trickling,
    "reset": fake.cut,
    "no json": fake.body(200, "application/json", b'{"data": [{"embedd'),
    "a page": fake.page,
    "another dimension": fake.embeds(12),
    "a shorter one": fake.embeds_badly(lambda rows: [rows[0][:-1], *rows[1:]] if len(rows) > 1 else [rows[0][:-1]]),
    "NaN": replaced(math.nan),
    "infinite": replaced(math.inf),
    "words": replaced("0.5 or so"),
    "null": replaced(None),
    "zero": fake.embeds_badly(lambda rows: [[0.0] * 8 for _ in rows]),
    "too few": fake.embeds_badly(lambda rows: rows[1:]),
    "too many": fake.embeds_badly(lambda rows: [*rows, rows[0]]),
}


class World:
    """A library over a folder, embedded by a scripted endpoint."""

    def __init__(self, path: Path, server: fake.ModelServer) -> None:
        self.folder = path / "documents"
        self.folder.mkdir()
        self.server = server
        self.library = Library.open(path / "index", short_lived=True)
        leave_chroma_alone(self.library)
        self.use(server.url)
        (self.folder / "harbour.txt").write_text(OLD, "utf-8")
        self.library.sync(self.folder)

    def use(self, url: str) -> None:
        """Names the endpoint; its name in the index stays, as after a restart of the same server."""
        embedder = EndpointEmbedder("m", url, "sk-canary0123456789abcdef", question_s=0.4, batch_s=0.4, tries=2)
        embedder.name = "scripted"
        self.library.__dict__["_embedder"] = embedder
        self.library.__dict__.pop("_ingest", None)

    def breaks(self, fault: fake.Reply | None) -> None:
        """From here on the endpoint fails."""
        if fault is None:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.use(f"http://127.0.0.1:{free.getsockname()[1]}/v1")
        else:
            self.server.replies.clear()
            self.server.replies.append(fault)

    def recovers(self) -> None:
        """It works again."""
        self.server.replies.clear()
        self.server.replies.append(fake.embeds())
        self.use(self.server.url)

    def states(self) -> dict[str, str]:
        return {info.source: info.state for info in self.library.documents()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with fake.model_server(fake.embeds()) as server:
        made = World(tmp_path, server)
        with made.library:
            yield made


@pytest.mark.parametrize("fault", FAULTS)
def test_a_new_document_waits(world: World, fault: str) -> None:
    """It is found by its words at once; repeating the import gives it its vectors, and nothing twice."""
    world.breaks(FAULTS[fault])
    (world.folder / "lighthouse.txt").write_text(LATER, "utf-8")
    with pytest.raises(EmbedderError) as caught:
        world.library.sync(world.folder)
    assert "sk-canary" not in f"{caught.value} {caught.value.hint}"
    assert {"harbour.txt": "ready", "lighthouse.txt": "embedding"} == world.states()
    hit = world.library.search("Who built the lighthouse of Skarholm?")[0]
    assert ("lighthouse.txt", None) == (hit.source, hit.ranks.dense)

    world.recovers()
    world.library.sync(world.folder)
    assert {"harbour.txt": "ready", "lighthouse.txt": "ready"} == world.states()
    hit = world.library.search("Who built the lighthouse of Skarholm?")[0]
    assert "lighthouse.txt" == hit.source
    assert hit.ranks.dense is not None
    assert [] == world.library._catalog.problems()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_update_leaves_the_old_version(world: World, fault: str) -> None:
    """Until the new one is whole, the old one is asked, and cited as it is."""
    world.breaks(FAULTS[fault])
    (world.folder / "harbour.txt").write_text(NEW, "utf-8")
    with pytest.raises(EmbedderError):
        world.library.sync(world.folder)
    answer = world.library.ask("How many berths has the harbour of Varnes?")
    assert "41 berths" in answer.text
    assert OLD == world.library.document("harbour.txt").text

    world.recovers()
    world.library.sync(world.folder)
    answer = world.library.ask("How many berths has the harbour of Varnes?")
    assert "52 berths" in answer.text
    assert NEW == world.library.document("harbour.txt").text
    assert [] == world.library._catalog.problems()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_question_goes_by_words(world: World, fault: str) -> None:
    """It is answered without waiting long, with a notice, and its citations stand."""
    world.breaks(FAULTS[fault])
    begun = time.monotonic()
    answer = world.library.ask("How many berths has the harbour of Varnes?")

    assert "answered" == answer.status
    assert answer.notice.startswith("Searched by wording only")
    assert "sk-canary" not in answer.notice
    assert [OLD[c.start : c.end] for c in answer.citations] == [c.quote for c in answer.citations] != []
    assert time.monotonic() - begun < 5


def test_a_busy_endpoint_is_asked_again(world: World) -> None:
    """One refusal costs an import nothing."""
    (world.folder / "lighthouse.txt").write_text(LATER, "utf-8")
    (world.folder / "second.txt").write_text(LATER[::-1], "utf-8")
    world.breaks(fake.fails(429, retry_after_ms="10"))
    world.server.replies.append(fake.embeds())
    world.library.sync(world.folder)

    assert {"ready"} == set(world.states().values())
