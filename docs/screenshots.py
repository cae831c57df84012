"""Takes the README's screenshots of the page, light and dark, with Debian's chromium.

Run: uv run python docs/screenshots.py
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from playwright.sync_api import sync_playwright

from tests.browsing import CHROMIUM, FLAGS, ask, opened, served

QUESTIONS = ("Who is the president of Brazil?", "What did India raise with Sun Weidong?")


def main() -> None:
    """Asks the questions, opens the first citation, and takes both screenshots."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        shutil.copytree(HERE.parent / "seeds", Path(folder, "seeds"))
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with served(Path(folder)) as address:
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1360, "height": 820}, color_scheme=scheme)
                page = opened(context, address)
                for n, question in enumerate(QUESTIONS):
                    ask(page, question)
                    page.locator("#chat .verdict").nth(n).wait_for()
                page.wait_for_timeout(500)
                page.locator("sup a.chip").first.click()
                page.mouse.move(0, 0)
                page.wait_for_timeout(800)
                page.screenshot(path=HERE / f"page-{scheme}.png")
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
