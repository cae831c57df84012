"""Measures parsing (which files are read, how many of their words, how fast) and compares imports with the quickstart.

    uv run python benchmarks/documents.py DATA HOME THEIRS [--rounds 3]

DATA must contain formats/{plain,hard}/ and qa/. HOME is the folder in which `benchmarks/opponent.py prepare` put Chroma's
embedder. THEIRS is the Python interpreter in a separate environment, which is needed because the quickstart's dependencies
conflict with pandas 3. To create it:

    uv venv THEIRS-FOLDER
    uv pip install --link-mode copy llama-index-core llama-index-readers-file llama-index-vector-stores-chroma \\
        chromadb==1.5.9 "markitdown[docx,outlook,pdf,pptx,xls,xlsx]" pypdf docx2txt EbookLib html2text python-pptx nbconvert
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# Formats that markitdown converts; it returns files in other formats unchanged, including their markup.
CONVERTED = frozenset(".docx .pptx .xlsx .xls .pdf .html .epub .ipynb .msg .csv".split())
TEXTS = 150  # number of SQuAD paragraphs in the mixed folder, each in its own file

MARKITDOWN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from markitdown import MarkItDown
convert, found = MarkItDown(enable_plugins=False), {}
for path in sys.argv[1:]:
    try:
        found[path] = convert.convert(path).text_content
    except Exception as error:
        found[path] = None
print(json.dumps(found))
"""
PYPDF = """
import json, sys, time
import pypdf
texts, started, pages = {}, time.perf_counter(), 0
for path in sys.argv[1:]:
    try:
        parser = pypdf.PdfReader(path)
        texts[path] = "\\n".join(page.extract_text() for page in parser.pages)
        pages += len(parser.pages)
    except Exception as error:
        texts[path] = None
print(json.dumps({"texts": texts, "pages": pages, "seconds": time.perf_counter() - started}))
"""
IMPORT = """
import json, sys, time, pathlib, logging, warnings
warnings.simplefilter("ignore"); logging.disable(logging.CRITICAL)
sys.path.insert(0, sys.argv[1])
import chromadb, opponent
from llama_index.core.node_parser import SentenceSplitter
SentenceSplitter(chunk_size=32, chunk_overlap=0).split_text("It is a sentence, and not the last of them. " * 20)
opponent.embedding().get_text_embedding("warm")
started = time.perf_counter()
opponent.index(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
seconds = time.perf_counter() - started
collection = opponent.store(pathlib.Path(sys.argv[3]))._collection
stored = collection.get(include=["documents", "metadatas"])
files = {m.get("file_name") for m in stored["metadatas"]}
print(json.dumps({"seconds": seconds, "characters": sum(map(len, stored["documents"])), "files": len(files)}))
"""


_MARKUP = re.compile(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)|\b(?:NaN|Unnamed)\b(?:: \d+)?", re.DOTALL)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def word_recall(reference: Counter[str], found: Counter[str]) -> float:
    """Returns the share of the reference's words that a text also contains. Each repetition of a word is counted."""
    return sum((reference & found).values()) / max(1, sum(reference.values()))


def run_theirs(python: Path, home: Path, script: str, *arguments: object) -> Any:
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": "", "ANONYMIZED_TELEMETRY": "False"}
    process = subprocess.run([python, "-c", script, *map(str, arguments)], env=environment, capture_output=True, text=True)
    if process.returncode:
        raise SystemExit(process.stderr[-2000:])
    return json.loads(process.stdout.splitlines()[-1])


def formats(data: Path) -> dict[Path, str]:
    """Parses every file, and prints how many fail and why. Returns path → text of all documents in that file."""
    from rag.errors import ReadError
    from rag.sources.parser_process import Parser

    texts: dict[Path, str] = {}
    for kind in ("plain", "hard"):
        parser, failures, slowest, peak_kb = Parser(), Counter[str](), (0.0, ""), 0
        paths = sorted((data / "formats" / kind).iterdir())
        for path in paths:
            started = time.perf_counter()
            try:
                texts[path] = "\n".join(document.text for document in parser.parse(path.read_bytes(), path.name).documents)
            except ReadError as error:
                failures[f"{path.suffix}: {error}"] += 1
            slowest = max(slowest, (time.perf_counter() - started, path.name))
            if parser._child is not None and (status := Path(f"/proc/{parser._child.pid}/status")).exists():
                peak = re.search(r"VmHWM:\s+(\d+)", status.read_text())
                peak_kb = max(peak_kb, int(peak.group(1)) if peak else 0)
        parser.close()
        read = sum(1 for path in paths if path in texts)
        print(f"{kind}: {read} of {len(paths)} read; peak memory {peak_kb / 1000:.0f} MB")
        print(f"    slowest {slowest[0]:.2f} s: {slowest[1]}")
        for reason, count in sorted(failures.items()):
            print(f"    {count} × {reason}")
    return texts


def compare_with_markitdown(texts: dict[Path, str], python: Path, home: Path) -> None:
    paths = [path for path in texts if path.parent.name == "plain" and path.suffix in CONVERTED]
    converted = run_theirs(python, home, MARKITDOWN, *paths)
    both = [
        (path, words(texts[path]), words(_MARKUP.sub(" ", converted[str(path)]))) for path in paths if converted[str(path)]
    ]
    both = [(path, ours, others) for path, ours, others in both if sum(others.values()) >= 5]
    ours_share = {path: word_recall(others, ours) for path, ours, others in both}
    their_share = {path: word_recall(ours, others) for path, ours, others in both}
    failed = sum(value is None for value in converted.values())
    shares = (statistics.mean(ours_share.values()), statistics.mean(their_share.values()))
    print(f"words: {len(paths)} ordinary files in formats that markitdown converts; it fails on {failed} of them")
    print("    rag extracts {:.3f} of markitdown's words, markitdown extracts {:.3f} of rag's".format(*shares))
    for path, share in sorted(ours_share.items(), key=lambda one: one[1])[:12]:
        print(f"    {share:.2f} ({their_share[path]:.2f}) {path.name}")


def filings(data: Path, python: Path, home: Path) -> None:
    import pypdfium2

    from rag.sources.parsers import parse

    paths = sorted((data / "qa" / "kg_rag_sec10q" / "files").glob("*.pdf"))
    by_pypdf = run_theirs(python, home, PYPDF, *paths)
    started, texts, pages = time.perf_counter(), {}, 0
    for path in paths:
        (document, *_) = parse(path.read_bytes(), path.name).documents
        texts[path], pages = document.text, pages + len(document.anchors)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    for path in paths:
        for page in pypdfium2.PdfDocument(path):
            page.get_textpage().get_text_range()
    text_only = time.perf_counter() - started
    read = [path for path in paths if by_pypdf["texts"][str(path)]]
    shares = [word_recall(words(by_pypdf["texts"][str(path)]), words(texts[path])) for path in read]
    rates = (pages / ours, pages / text_only, by_pypdf["pages"] / by_pypdf["seconds"])
    print(f"filings: {len(paths)}; pypdf reads {len(read)}, and rag extracts {statistics.mean(shares):.3f} of its words")
    print("pages per second: rag {:.0f}, pypdfium2 (text only) {:.0f}, pypdf {:.0f}".format(*rates))


def import_folder(folder: Path) -> dict[str, float]:
    from rag import Library
    from rag.models.embedder import MiniLM

    embedder = MiniLM()
    embedder.embed(["warm"])
    with tempfile.TemporaryDirectory() as database:
        started = time.perf_counter()
        with Library.open(Path(database) / "index", embedder=embedder) as library:
            library.sync(folder)
        seconds = time.perf_counter() - started
        with Library.open(Path(database) / "index", short_lived=True) as library:
            infos = [info for info in library.documents() if info.state != "failed"]
    files = len({info.source.split("#")[0] for info in infos})
    return {"seconds": seconds, "characters": sum(info.characters for info in infos), "files": files}


def folders(data: Path, python: Path, home: Path, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        mixed, pdfs = Path(place) / "mixed", Path(place) / "pdfs"
        for folder in (mixed, pdfs):
            folder.mkdir()
        reports = sorted((data / "qa" / "kg_rag_sec10q" / "files").glob("*.pdf"))
        for path in [*(data / "formats" / "plain").iterdir(), *reports[:1]]:
            if path.suffix != ".pptx":  # the quickstart crashes, because its store rejects its reader's metadata
                shutil.copy(path, mixed)
        lines = (data / "qa" / "squad20_dev" / "corpus.jsonl").read_text("utf-8").splitlines()[:TEXTS]
        for n, line in enumerate(lines):
            (mixed / f"{n}.txt").write_text(json.loads(line)["text"], "utf-8")
        for path in reports:
            shutil.copy(path, pdfs)
        for folder in (mixed, pdfs):
            pairs = []
            for n in range(rounds):
                ours = import_in_a_process(folder)
                other = run_theirs(python, home, IMPORT, HERE, folder, Path(place) / f"{folder.name}-{n}")
                print(f"  {folder.name}: rag {ours}, quickstart {other}", flush=True)
                pairs.append((ours, other))
            rates = [(a["characters"] / a["seconds"], b["characters"] / b["seconds"]) for a, b in pairs]
            ratio = statistics.median(a / b for a, b in rates)
            print(f"{folder.name}: characters per second: rag {statistics.median(a for a, _ in rates):,.0f},"
                  f" quickstart {statistics.median(b for _, b in rates):,.0f}, ratio {ratio:.1f}")  # fmt: skip


def import_in_a_process(folder: Path) -> dict[str, float]:
    process = subprocess.run([sys.executable, __file__, "import", str(folder)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return found


def main() -> None:
    if sys.argv[1:2] == ["import"]:
        print(json.dumps(import_folder(Path(sys.argv[2]))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("theirs", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data, home = arguments.data.resolve(), arguments.home.resolve()
    texts = formats(data)
    compare_with_markitdown(texts, arguments.theirs, home)
    filings(data, arguments.theirs, home)
    folders(data, arguments.theirs, home, arguments.rounds)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    main()
