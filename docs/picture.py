"""Makes docs/page.png: the page, asked the README's question, in Debian's chromium. Run from the project's folder."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

server = subprocess.Popen([sys.executable, "-m", "rag.cli", "ui", "--port", "0"], stdout=subprocess.PIPE, text=True)
try:
    address = re.search(r"http://\S+", server.stdout.readline()).group()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(address)
        page.fill("#question textarea", "What did India raise with Sun Weidong?")
        page.keyboard.press("Enter")
        page.wait_for_selector("mark.cited")
        page.locator("a.chip").nth(1).click()
        page.wait_for_timeout(600)
        page.screenshot(path=Path(__file__).parent / "page.png")
        browser.close()
finally:
    server.send_signal(signal.SIGINT)
    server.wait(20)
