"""Web pages: the main text, its tables and metadata."""

from __future__ import annotations

import pytest

from rag.sources.decoding import xhtml
from rag.sources.parsers import parse


def test_a_cell_of_a_web_page_is_found_by_its_names() -> None:
    """Also where names take several rows, cells span rows, a title stands over the table, and menus surround it."""
    report = "<p>" + "The regional report was published on Monday and tells how sales went in the north. " * 6 + "</p>"
    menu = "".join(f"<li><a href='/{n}'>Another page that has number {n}</a></li>" for n in range(60))
    table = (
        "<table><thead><tr><th colspan=4>Our sales</th></tr><tr><th rowspan=2>Region</th><th rowspan=2># Shops</th>"
        "<th colspan=2>Sales</th></tr><tr><th>2023</th><th>2024</th></tr></thead>"
        "<tbody><tr><td rowspan=2>North</td><td>3</td><td>1,200</td><td>1,350</td></tr>"
        "<tr><td>5</td><td>900</td><td>1,010</td></tr></tbody></table>"
    )
    page = f"<html><title>Sales</title><body><nav><ul>{menu}</ul></nav><article><h1>Sales</h1>{report}<h2>By region</h2>{table}{report}</article></body></html>"
    for data in (page, f"<html><body>{table}</body></html>"):
        text = parse(data.encode(), "sales.html").documents[0].text

        assert "Region: North | # Shops: 5 | Sales 2023: 900 | Sales 2024: 1,010" in text
        assert "Another page" not in text
        assert "Our sales" in text
    document = parse(page.encode(), "sales.html").documents[0]
    assert "\n## By region\n" in document.text
    shops = "| # Shops: 7" in parse(b"<table><tr><th># Shops<th>Sum<tr><td>7<td>1</table>", "x.html").documents[0].text
    assert shops, "else it would pass for a heading"


def test_html_main_text() -> None:
    """The main text of a page is kept, its menu is not."""
    body = "<p>" + "The council approved the bridge on Monday after a long debate. " * 8 + "</p>"
    page = f"<html><head><title>Bridge</title></head><body><nav>Home About</nav><article>{body}</article></body></html>"
    document = parse(page.encode(), "page.html").documents[0]

    assert "Bridge" == document.title
    assert "approved the bridge" in document.text
    assert "Home About" not in document.text


def page(main: str, around: str = "") -> str:
    return f"<html><head><title>Bridge</title></head><body>{around}<div>{main}</div></body></html>"


def text_of(markup: str) -> str:
    return parse(markup.encode(), "page.html").documents[0].text


SENTENCES = "The council approved the bridge on Monday after a debate of three hours in the old hall. " * 3


def test_headings_survive_without_an_article_element() -> None:
    """Also where the main text is only a part of the page."""
    main = (
        f"<h1>The bridge</h1><h2>Decision</h2><p>{SENTENCES}</p><h2>Cost</h2><p>It costs four million. {SENTENCES}</p>"
        f"<h2>Cost</h2><p>Nobody knows what the ferry costs. {SENTENCES}</p>"
    )
    teasers = "".join(f"<div class='teaser'><h3>Story {n}</h3><a href='/{n}'>Read story {n}</a></div>" for n in range(90))
    expected = ["# The bridge", "## Decision", "## Cost", "## Cost"]
    for around in ("", f"<div class='sidebar'>{teasers}</div>"):
        lines = text_of(page(main, around)).split("\n")
        assert expected == [line for line in lines if line.startswith("#") and "Story" not in line]
        assert lines.index("## Cost") < next(n for n, line in enumerate(lines) if line.startswith("It costs four million"))


def test_headings_stay_above_their_own_text() -> None:
    """Although the same words stand below each of them."""
    main = "".join(f"<h2>Product {n}</h2><p>{SENTENCES} {n}</p><h3>Price {n}</h3><p>On request.</p>" for n in range(9))
    teasers = "".join(f"<div class='teaser'><h3>Story {n}</h3><a href='/{n}'>Read story {n}</a></div>" for n in range(99))
    text = text_of(page(main, f"<div class='sidebar'>{teasers}</div>"))
    lines = [line.lstrip("# ") for line in text.split("\n") if line.startswith("#") and "Story" not in line]
    assert [f"Product {n}" for n in range(9)] == [line for line in lines if "Product" in line]
    assert lines == sorted(lines, key=lambda line: (int(line[-1]), line < "Product"))
    assert 9 == text.count(SENTENCES.strip())


def test_links_in_the_text_are_no_menu() -> None:
    links = "<p><a>anna@club.org</a>, <a>ben@club.org</a>, <a>cy@club.org</a></p>"
    assert "anna@club.org" in text_of(f"<html><body><main><p>{SENTENCES}</p>{links}</main></body></html>")


def test_what_belongs_to_the_site_is_left_out() -> None:
    around = (
        '<div class="cookie-bar">Cookies are kept for 13 months.</div><div><a>Home</a> | <a>News</a> | <a>About us</a></div>'
        '<ol class="breadcrumb"><li>Start</li><li>Bridges</li></ol><div role="navigation">All bridges</div>'
    )
    text = text_of(page(f"<p>{SENTENCES}</p><p>See <a>one</a> or <a>two</a> and <a>three</a>.</p>", around))
    for left_out in ("13 months", "About us", "Start", "All bridges"):
        assert left_out not in text
    assert "See one or two and three." in text

    every = f'<html><body class="cookie-accepted"><div id="cookie-page"><p>{SENTENCES}</p></div></body></html>'
    assert "approved the bridge" in text_of(every)  # else a page about cookies would be empty


def test_terms_stand_before_their_definitions() -> None:
    markup = (
        "<dl><dt>Lost property</dt><dd>Kept for 30 days.</dd><dt>Hours:</dt><dd>9–17</dd><dt>Dogs</dt><dt>Cats</dt>"
        "<dd>Stay outside.</dd><dt>Is there parking?</dt><dd>Behind the hall.</dd></dl>"
        "<details><summary>Can I rent a towel?</summary>Yes, for 2 euros.</details><dl><dt>Last</dt></dl>"
    )
    assert [
        "Lost property: Kept for 30 days.", "Hours: 9–17", "Dogs", "Cats: Stay outside.", "### Is there parking?",
        "Behind the hall.", "### Can I rent a towel?", "Yes, for 2 euros.", "Last",
    ] == text_of(page(markup)).split("\n\n")  # fmt: skip
    table = "<dl><dt>Hours</dt><dd><table><tr><td>Mon<td>9</table></dd></dl><h2>Parking</h2><dl><dt>Foo</dt></dl><p>Bar</p>"
    assert ["Hours", "Mon | 9", "## Parking", "Foo", "Bar"] == xhtml.text_of(xhtml.html_tree(table)).split("\n\n")


@pytest.mark.parametrize(
    ("head", "body", "date"),
    [
        ("", "<footer>© 2024 Coinharbour Ltd.</footer>", ""),
        ("", "<p>Copyright 2019–2024</p>", ""),
        ('<meta property="article:published_time" content="2025-03-04T10:00:00Z">', "<p>© 2024</p>", "2025-03-04"),
        ("", "<p>Published on March 5, 2025</p>", "2025-03-05"),
    ],
)
def test_a_copyright_notice_is_not_a_date(head: str, body: str, date: str) -> None:
    markup = f"<html><head><title>B</title>{head}</head><body><p>{SENTENCES}</p>{body}</body></html>"
    assert date == parse(markup.encode(), "page.html").documents[0].date
