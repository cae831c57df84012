"""URLs in a reply: those of the sources and the question pass, others are replaced, however the reply is split."""

from __future__ import annotations

import pytest

from rag.answering.verification.url_filter import REMOVED, UrlFilter, allowed_texts, without_foreign_urls

SOURCES = ["Read more at https://kemi.example/bridge?id=1 or write to mailto:mayor@kemi.example"]


def test_sources_count_if_an_address_is_asked_for() -> None:
    """A question for a website may be answered with one; any question may be repeated."""
    assert ["Who opened it?"] == allowed_texts("Who opened it?", SOURCES)
    assert ["What is the website of Kemi?", *SOURCES] == allowed_texts("What is the website of Kemi?", SOURCES)
    assert ["Is https://a.example up?", *SOURCES] == allowed_texts("Is https://a.example up?", SOURCES)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("See https://kemi.example/bridge?id=1.", "See https://kemi.example/bridge?id=1."),
        ("See https://kemi.example/bridge?id=2.", f"See {REMOVED}."),
        ("(https://evil.example)", f"({REMOVED})"),
        ("[click](https://evil.example/x)", f"[click]({REMOVED})"),
        ("![x](https://evil.example/x.png)", f"({REMOVED})"),
        ("![x][r] and [r]: //evil.example/x", f"[r] and [r]: {REMOVED}"),
        ("Go to www.evil.example now", f"Go to {REMOVED} now"),
        ("javascript:alert(1) data:text/html,x", f"{REMOVED}) {REMOVED}"),
        ("mailto:mayor@kemi.example", "mailto:mayor@kemi.example"),
        ("tel:+15550100", REMOVED),
        ("At 10:30 the ratio was 3//4, see a/b.", "At 10:30 the ratio was 3//4, see a/b."),
        ("no url at all", "no url at all"),
    ],
)
def test_foreign_urls_are_replaced(reply: str, expected: str) -> None:
    """At once, and in a stream split anywhere."""
    assert expected == without_foreign_urls(reply, SOURCES)
    for cut in range(len(reply)):
        url_filter = UrlFilter(SOURCES)
        assert expected == url_filter.feed(reply[:cut]) + url_filter.feed(reply[cut:]) + url_filter.flush()


def test_words_are_held_back_until_they_are_complete() -> None:
    """What may become a URL is not shown yet; a very long word is."""
    url_filter = UrlFilter([])

    assert ("See ", "", f"{REMOVED} ", "") == (
        url_filter.feed("See ht"), url_filter.feed("tps://evil."), url_filter.feed("example "), url_filter.flush()
    )  # fmt: skip
    assert 3_000 == len(UrlFilter([]).feed("中" * 3_000))
