"""Web pages: the main text, its tables and metadata."""

from __future__ import annotations

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
