"""The Documents tab, in a real browser: files and web pages added, documents deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from ...browsing import ask, reloaded, wait_for_answer

pytestmark = pytest.mark.page


def test_documents_are_added_and_deleted(page, tmp_path: Path) -> None:
    """Dropped files can be asked about; a broken file shows its error; a deleted document is gone."""
    good, bad = tmp_path / "otters.txt", tmp_path / "broken.pdf"
    good.write_text("Otters sleep in rafts. The otter keeper is Ingrid Solheim.", "utf-8")
    bad.write_bytes(b"%PDF-1.4 nothing")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", [good, bad])
    page.locator("#importing", has_text="1 added, 1 passage embedded").wait_for()
    page.locator("#importing .flag", has_text="broken.pdf").wait_for()
    page.locator("#documents", has_text="otters.txt").wait_for()

    page.get_by_role("tab", name="Ask").click()
    ask(page, "Who is the otter keeper?")
    wait_for_answer(page, 1)
    assert "Ingrid Solheim" in page.inner_text("#chat")

    page.get_by_role("tab", name="Documents").click()
    page.fill("#find-document input, #find-document textarea", "otters")
    page.locator("#documents tbody tr").nth(1).wait_for(state="detached")
    page.locator("#documents button", has_text="Delete").click()
    page.locator("#deleting", has_text="otters.txt").first.wait_for()
    page.click("#delete-it")
    page.locator("#importing", has_text="was deleted").wait_for()
    page.locator("#documents", has_text="No documents match").wait_for()

    page.get_by_role("tab", name="Ask").click()
    reloaded(page)
    page.locator("button.talk", has_text="otter keeper").click()
    page.get_by_text("this document is no longer in your library").wait_for(state="attached")


def test_the_address_box_is_emptied(page) -> None:
    """Even after an address that failed; Add with an empty box says what an address is."""
    page.get_by_role("tab", name="Documents").click()
    page.fill("#url input, #url textarea", "https://127.0.0.1:1/x")
    page.keyboard.press("Enter")
    page.locator("#importing .flag").wait_for()
    expect(page.locator("#url input, #url textarea")).to_have_value("")
    page.click("#add-url")
    page.locator("#importing .flag", has_text="This is not a web address").wait_for()


def test_too_many_files_at_once(page, tmp_path: Path) -> None:
    """Are rejected with the way to add them, and none of them is added."""
    files = []
    for n in range(201):
        files.append(tmp_path / f"{n}.txt")
        files[-1].write_text(f"File {n}", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", files)
    page.get_by_text("You can add at most 200 files at once. To add a whole folder, run: rag sync FOLDER").wait_for(
        timeout=60_000
    )
    assert "200.txt" not in page.inner_text("#documents")


def test_the_same_file_dropped_twice(page, tmp_path: Path) -> None:
    """Is added once, and neither upload is an error."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "twice.txt").write_text("The same words in both.", "utf-8")
    page.get_by_role("tab", name="Documents").click()
    page.set_input_files("#upload input[type=file]", [tmp_path / "a" / "twice.txt", tmp_path / "b" / "twice.txt"])
    page.locator("#importing", has_text="1 unchanged").wait_for()
    assert 0 == page.locator("#importing .flag").count()
