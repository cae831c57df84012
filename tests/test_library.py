"""A library from end to end: documents in, in step, out; found by words and by meaning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag import Document, Filter, Library
from rag.errors import (
    EmbedderChangedError,
    IndexBusyError,
    IndexDamagedError,
    SettingsError,
    SourceError,
)
from rag.index.locks import NamedLock
from rag.settings import Settings

from . import model_server as fake
from .torture.world import OwnDirections, leave_chroma_alone


@pytest.fixture
def other(library: Library) -> Iterator[Library]:
    """The same index, as another process has it open."""
    with Library.open(library.folder, short_lived=True) as opened:
        leave_chroma_alone(opened)
        yield opened


def sources(library: Library) -> list[str]:
    return [info.source for info in library.documents() if info.state != "failed"]


def test_sync_follows_the_folder(library: Library, folder: Path) -> None:
    """New, changed, unchanged, gone."""
    first = library.sync(folder)
    assert (3, 0, 0, 0) == (first.added, first.updated, first.unchanged, first.removed)
    assert ["rivers.txt", "sub/bread.txt", "towers.md"] == sources(library)

    (folder / "rivers.txt").write_text("The Rhine ends in the North Sea.\n", "utf-8")
    (folder / "sub" / "bread.txt").unlink()
    second = library.sync(folder)
    assert (0, 1, 1, 1) == (second.added, second.updated, second.unchanged, second.removed)
    assert "The Rhine ends in the North Sea.\n" == library.document("rivers.txt").text
    assert "Danube" not in "".join(hit.text for hit in library.search("Danube river countries"))


def test_second_sync_does_nothing(library: Library, folder: Path) -> None:
    """Nothing is read, embedded or written again."""
    library.sync(folder)
    for path in folder.rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    library.sync(folder)  # times changed: hashed, not embedded
    library._ingest._read_bytes = lambda found: pytest.fail(f"{found.source} was read again")
    report = library.sync(folder)

    assert (3, 0) == (report.unchanged, report.passages)


def test_vanished_documents_are_held(library: Library, folder: Path) -> None:
    """Most of a folder gone at once is not a wish; --prune makes it one."""
    library.sync(folder)
    for name in ("rivers.txt", "towers.md"):
        (folder / name).unlink()
    report = library.sync(folder)
    assert (0, ("rivers.txt", "towers.md")) == (report.removed, report.held)
    assert 3 == len(sources(library))

    assert 2 == library.sync(folder, prune=True).removed


def test_a_missing_folder_removes_nothing(library: Library, folder: Path) -> None:
    """A root that cannot be read is an error, and all is kept."""
    library.sync(folder)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(SourceError, match="no folder"):
        library.sync(folder)

    assert 3 == len(sources(library))


def test_two_roots_with_the_same_names(library: Library, folder: Path, tmp_path: Path) -> None:
    """Each keeps its own document; syncing one does not touch the other."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "rivers.txt").write_text("The Nile is in Africa.\n", "utf-8")
    library.sync(folder)
    library.sync(other)
    library.sync(folder)

    assert 2 == sources(library).count("rivers.txt")
    with pytest.raises(SourceError, match="2 documents are called"):
        library.document("rivers.txt")
    assert "The Nile is in Africa.\n" == library.document(str(other / "rivers.txt")).text


def test_add_and_remove(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file added by name is found by that name; removed, it is gone; syncing never removes it."""
    monkeypatch.chdir(folder)
    assert 1 == library.add("rivers.txt").added
    assert ["rivers.txt"] == sources(library)
    assert 1 == library.remove("rivers.txt")
    assert [] == sources(library)
    assert [] == library.search("Danube")
    assert 1 == library.add("rivers.txt").added


def test_removed_from_a_synced_folder_stays_out(library: Library, folder: Path) -> None:
    """The next sync does not bring it back; adding it by name does."""
    library.sync(folder)
    library.remove("rivers.txt")
    library.sync(folder)
    assert "rivers.txt" not in sources(library)

    library.add(folder / "rivers.txt")
    assert "rivers.txt" in sources(library)
    assert 3 == len(sources(library))


def test_one_bad_file_does_not_stop_the_rest(library: Library, folder: Path) -> None:
    """It is listed with its reason, and taken in once it is mended."""
    (folder / "bad.txt").write_bytes(bytes(range(256)) * 40)
    report = library.sync(folder)
    assert (3, ["bad.txt"]) == (report.added, [failure.source for failure in report.failed])
    assert [("bad.txt", "failed")] == [(i.source, i.state) for i in library.documents() if i.state == "failed"]

    (folder / "bad.txt").write_text("now it is text", "utf-8")
    assert (1, ()) == ((after := library.sync(folder)).added, after.failed)


def test_filters(library: Library, folder: Path) -> None:
    """By source pattern, date and field, before ranking."""
    (folder / "dated.md").write_text("---\ndate: 2024-05-01\ntopic: water\n---\nThe Danube rose in May.", "utf-8")
    library.sync(folder)

    def found(wanted: Filter) -> set[str]:
        return {hit.source for hit in library.search("Danube", filters=wanted)}

    assert {"rivers.txt"} == found(Filter(sources=("riv*",)))
    assert {"sub/bread.txt"} == found(Filter(sources=("sub/*",)))
    assert {"dated.md"} == found(Filter(since="2024"))
    assert {"dated.md"} == found(Filter(until="2024-05"))
    assert set() == found(Filter(since="2024-06"))
    assert {"dated.md"} == found(Filter(metadata={"topic": "water"}))
    assert set() == found(Filter(sources=("' OR 1=1 --",)))


def test_a_heading_names_what_is_said_below_it(library: Library) -> None:
    """The sentence itself need not say what it is about."""
    sections = ("# Handbook", "## Licence", "Apache-2.0, with one exception.", "## Opening hours", "Eight to five, daily.")
    text = "\n\n".join(sections)
    library.add_documents([Document(text, "Handbook", media_type="text/markdown", source="handbook.md")])

    for question, said in (("What is the licence?", "Apache-2.0"), ("What are the opening hours?", "Eight to five")):
        answer = library.ask(question)
        assert "answered" == answer.status
        assert said in answer.citations[0].quote


def test_one_passage_library(library: Library) -> None:
    """Scores are sound for a single passage."""
    library.add_documents([Document("The kettle is blue.", "Kettle", source="k")])
    answer = library.ask("What colour is the kettle?")

    assert "The kettle is blue. [1]" == answer.text


@pytest.mark.parametrize(
    "question", ["the of and", 'NEAR("x" AND *', "a" * 8000, "\udcff?", "'; DROP TABLE x", "🙂", "\x1b[2J"]
)
def test_odd_questions(seeds: Library, question: str) -> None:
    """Anything may be asked; nothing breaks."""
    assert seeds.ask(question).status in ("answered", "abstained")


def test_an_empty_library_abstains(library: Library) -> None:
    """With no documents, nothing is answered."""
    assert "abstained" == library.ask("Anything?").status


def test_citations_resolve(seeds: Library, article: str) -> None:
    """The question that must always be answered well."""
    answer = seeds.ask("What did India raise with Sun Weidong?")

    assert "answered" == answer.status
    assert "rare earth restrictions" in answer.text
    for citation in answer.citations:
        assert article[citation.start : citation.end] == citation.quote
        assert answer.text[citation.answer_start : citation.answer_end] == citation.quote


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("ab é\u0301🙂\r\n\0.שx中"), min_size=1, max_size=200), min_size=1, max_size=4))
def test_offsets_hold_for_any_text(library: Library, tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """Whatever the text, what a hit shows is what the document holds there."""
    folder = tmp_path_factory.mktemp("texts")
    for n, text in enumerate(texts):
        (folder / f"{n}.txt").write_bytes(text.encode())
    library.sync(folder)
    for hit in library.search("ab x 中", 50):
        assert library.document_by_id(hit.document_id).text[hit.start : hit.end] == hit.text


def test_long_documents_are_found_by_words_first(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long new document is searchable while its vectors follow; a long changed one is replaced whole."""
    monkeypatch.setattr("rag.index.ingest.LONG", 20)
    monkeypatch.setattr("rag.index.batch_writer.TOGETHER", 10)
    seen: list[tuple[int, int]] = []
    embed = library._embedder.embed

    def spy(texts):
        if len(texts) > 1:
            seen.append((len(library._catalog.documents.infos()), library._catalog.documents.waiting()[1]))
        return embed(texts)

    monkeypatch.setattr(library._embedder, "embed", spy)
    text = "\n\n".join(f"Paragraph {i} tells of item number {i} and of nothing else at all. " * 6 for i in range(70))
    library.add_documents([Document(text, "Long", source="long")])
    assert seen[0][0] == 1
    assert seen[0][1] >= 30
    assert 0 == library._catalog.documents.waiting()[1]
    assert "item number 57" in library.search("item number 57")[0].text
    assert library.document("long").text == text

    report = library.add_documents([Document(text.replace("item number 57", "item number 9999"), "Long", source="long")])
    assert 1 == report.updated
    assert "item number 9999" in library.search("item number 9999")[0].text
    assert 1 == len(library.documents())


@pytest.mark.process
def test_chroma_and_the_scan_agree(tmp_path: Path, folder: Path) -> None:
    """The same hits whether this process holds Chroma or scans."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(folder)
        scanned = library.search("Which sea does the river reach?")
    with Library.open(tmp_path / "index") as library:
        library.sync_vectors()
        through_chroma = library.search("Which sea does the river reach?")
        assert library._vector_search.is_open
        assert 0 == library._vector_search.unconfirmed()
        library.add_documents([Document("The Volga reaches the Caspian Sea.", "Volga", source="v")])
        assert "v" == library.search("Where does the Volga end?")[0].source  # not in Chroma yet
        health = library.check()

    assert [(h.source, h.start, h.score) for h in scanned] == [(h.source, h.start, h.score) for h in through_chroma]
    assert () == health.problems
    assert 4 == health.vectors_in_chroma


@pytest.mark.process
def test_chroma_may_vanish(tmp_path: Path, folder: Path) -> None:
    """Its folder is derived: removed, it is built anew."""
    import shutil

    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.sync(folder)
    shutil.rmtree(tmp_path / "index" / "chroma")
    with Library.open(tmp_path / "index") as library:
        assert "rivers.txt" == library.search("Danube")[0].source
        assert 3 == library.check().vectors_in_chroma


def test_a_second_import_names_the_first(library: Library, folder: Path) -> None:
    """Who holds the lock is said."""
    lock = NamedLock(library.folder / "import.lock", "importing")
    lock.acquire()
    try:
        with pytest.raises(IndexBusyError, match=rf"pid {os.getpid()}"):
            library.sync(folder, timeout_s=0)
    finally:
        lock.release()
    assert 3 == library.sync(folder).added


def test_a_damaged_catalog_is_never_answered_from(tmp_path: Path) -> None:
    """It is named, and the hint says what to do."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "catalog.sqlite3").write_bytes(b"not a database at all" * 300)
    with pytest.raises(IndexDamagedError, match="damaged") as raised:
        Library.open(tmp_path / "index")

    assert "backup" in raised.value.hint


def test_a_newer_catalog_is_refused(tmp_path: Path) -> None:
    """And left as it is."""
    with Library.open(tmp_path / "index") as library:
        library._catalog._db.query("PRAGMA user_version = 999")
    before = (tmp_path / "index" / "catalog.sqlite3").read_bytes()
    with pytest.raises(IndexDamagedError, match="newer rag"):
        Library.open(tmp_path / "index")

    assert before == (tmp_path / "index" / "catalog.sqlite3").read_bytes()


def test_another_embedder_is_refused(tmp_path: Path, folder: Path) -> None:
    """Vectors of two embedders are never mixed."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        leave_chroma_alone(library)
        library.sync(folder)
    with fake.model_server(fake.embeds()) as server:
        remote = Settings(embedder="openai:e", embedder_url=server.url)
        with Library.open(tmp_path / "index", remote, short_lived=True) as library, pytest.raises(EmbedderChangedError):
            library.search("Danube")


def test_an_embedder_of_ones_own(tmp_path: Path, folder: Path) -> None:
    """Any object with its methods makes the vectors; the index remembers by its name whose they are."""
    with Library.open(tmp_path / "index", short_lived=True, embedder=OwnDirections("mine")) as opened:
        leave_chroma_alone(opened)
        opened.sync(folder)
        assert opened.search("The Eiffel Tower is 330 metres tall.")[0].ranks.dense is not None
        assert "mine" == opened.check().embedder
    with Library.open(tmp_path / "index", short_lived=True) as other, pytest.raises(EmbedderChangedError, match="mine"):
        other.search("tower")


def test_a_remote_embedder(tmp_path: Path, folder: Path) -> None:
    """Any compatible endpoint embeds; if it is down, words are found and the notice says so."""
    with fake.model_server(fake.embeds()) as server:
        settings = Settings(embedder="openai:e", embedder_url=server.url, api_key="k")
        with Library.open(tmp_path / "index", settings, short_lived=True) as library:
            leave_chroma_alone(library)
            assert 3 == library.sync(folder).passages
            assert library.search("Danube")[0].ranks.dense is not None
            library._embedder._client.max_retries = 0
            server.replies.clear()
            server.replies.append(fake.fails(500))
            found = library.search_with_timings("Danube")
            hits, notice = found.hits, found.notice

    assert "rivers.txt" == hits[0].source
    assert "by words only" in notice


def test_a_file_added_by_name_survives_the_next_sync(library: Library, folder: Path) -> None:
    """Even one that syncing passes over."""
    library.sync(folder)
    (folder / ".hidden.txt").write_text("The hidden treasure is gold.", "utf-8")
    assert library.add(folder / ".hidden.txt").added == 1
    assert library.sync(folder).removed == 0
    assert ".hidden.txt" in sources(library)


def test_removed_while_it_is_imported(library: Library, other: Library, folder: Path) -> None:
    """A removal by hand during an import holds, whichever of the two is acknowledged first."""
    library.sync(folder)
    (folder / "rivers.txt").write_text("The Danube is long, and ends in the Black Sea.", "utf-8")
    embed = library._embedder.embed

    def removed_meanwhile(texts):
        if "rivers.txt" in sources(other):
            other.remove("rivers.txt")
        return embed(texts)

    library._embedder.embed = removed_meanwhile
    report = library.sync(folder)

    assert (0, 0) == (report.added, report.updated)
    assert ["sub/bread.txt", "towers.md"] == sources(library)
    assert () == library.check().problems


def test_a_long_one_removed_while_it_is_imported(
    library: Library, other: Library, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is left behind, though its words were being stored."""
    monkeypatch.setattr("rag.index.ingest.LONG", 4)
    monkeypatch.setattr("rag.index.batch_writer._WORDS_AT_ONCE", 4)
    text = "\n\n".join(f"Paragraph {i} tells of item number {i} and of nothing else at all. " * 6 for i in range(40))
    (folder / "long.txt").write_text("Short at first.", "utf-8")
    library.sync(folder)
    (folder / "long.txt").write_text(text, "utf-8")
    add, calls = library._catalog.passages.add, []

    def removed_meanwhile(*given):
        calls.append(given)
        if len(calls) == 3:
            other.remove("long.txt")
        return add(*given)

    monkeypatch.setattr(library._catalog.passages, "add", removed_meanwhile)
    library.sync(folder)

    assert "long.txt" not in sources(library)
    assert () == library.check().problems
    assert 3 == library._catalog.versions.current().passages


def test_a_document_changed_while_it_is_quoted(library: Library, other: Library, folder: Path) -> None:
    """The answer is from its new revision, not a refusal because the old one is gone."""
    library.sync(folder)
    search = library._answerer._search
    find, changed = search.find, []

    def interrupted(*given):
        found = find(*given)
        if not changed:
            changed.append(True)
            (folder / "rivers.txt").write_text("The Danube ends in the Black Sea, at Sulina.", "utf-8")
            other.sync(folder)
        return found

    search.find = interrupted
    answer = library.ask("Where does the Danube end?")

    assert ("answered", "The Danube ends in the Black Sea, at Sulina. [1]") == (answer.status, answer.text)


def test_ended_threads_leave_no_connection(library: Library) -> None:
    """A server's threads come and go."""
    import threading

    for _ in range(30):
        thread = threading.Thread(target=library.documents)
        thread.start()
        thread.join()
    library.documents()

    assert len(library._catalog._db._all) <= 3


def test_an_odd_reader_failure_costs_one_file(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader raises, the others are taken in."""

    def broken(data: bytes, name: str) -> Document:
        raise StopIteration

    monkeypatch.setattr("rag.sources.parsers.markdown.parse", broken)
    report = library.sync(folder)

    assert (report.added, [f.source for f in report.failed]) == (2, ["towers.md"])


def test_fields_that_can_be_asked_for(tmp_path: Path) -> None:
    """Each with how many documents have it; a filter that asks for one finds those."""
    with Library.open(tmp_path / "index", short_lived=True) as library:
        library.add_documents(
            Document(
                f"The {n}. report of the otter station.",
                f"Report {n}",
                source=f"{n}.txt",
                author=author,
                metadata={"kind": kind},
            )
            for n, author, kind in ((1, "Ann", "yearly"), (2, "Ann", "monthly"), (3, "", "monthly"))
        )
        found = library.fields()
        ann = library.search("otter station", filters=Filter(metadata={"author": "Ann", "kind": "monthly"}))

    assert {("author", "Ann", 2), ("kind", "monthly", 2), ("kind", "yearly", 1)} <= set(found)
    assert found[0][2] >= found[-1][2]
    assert ["2.txt"] == [hit.source for hit in ann]


@pytest.mark.parametrize("date", ["yesterday", "2025-6", "2025-06-13T00:00", "٢٠٢٥"])
def test_a_filter_takes_dates_only(date: str) -> None:
    """Anything else is named at once, whoever made the filter."""
    with pytest.raises(SettingsError, match="is not a date"):
        Filter(since=date)
