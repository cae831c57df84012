"""Removes each guard from a copy of the source, and checks that a test fails without it.

    python tests/torture/guards.py [WORDS]

A guard is a line of the source that must not get lost. WORDS select the guards whose names contain all of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_TIMEOUT_S = 240


@dataclass(frozen=True)
class Guard:
    """A line of the source, and a test that fails without it.

    Attributes:
        file: Path below the repository.
        line: Occurs in the file exactly once.
        without: What replaces the line.
        test: A test file, or a test file and `-k` with words of a test's name.
    """

    file: str
    line: str
    without: str
    test: str


DATABASE = "rag/index/catalog/database"
GUARDS = {
    "a version whose deletion was interrupted is no problem": Guard(
        "rag/index/catalog/integrity.py", "\"embedder <> '' OR state = 'current'\"", '"true"',
        "tests/index/catalog/test_index_versions.py -k interrupted",
    ),
    "what Gradio keeps for a visitor does not grow": Guard(
        "rag/server/page/session_memory.py", "                    del kept[number]", "                    pass",
        "tests/server/page/test_session_memory.py",
    ),
    "an upload that was cut off is deleted": Guard(
        "rag/server/uploads.py", "                self._delete_incomplete()", "                pass",
        "tests/server/test_uploads.py -k cut_off",
    ),
    "uploads do not fill the disk": Guard(
        "rag/server/uploads.py", "if not is_free or arriving + self._complete_bytes() > self._max_bytes:", "if False:",
        "tests/server/test_uploads.py -k no_space",
    ),
    "uploads of a killed server are deleted": Guard(
        "rag/server/uploads.py", "shutil.rmtree(folder, ignore_errors=True)", "pass",
        "tests/server/test_uploads.py -k folders_of_killed",
    ),
    "uploads of a running server are not deleted": Guard(
        "rag/server/uploads.py", "> _SETTLED_S and lock.try_acquire():", "> _SETTLED_S:",
        "tests/server/test_uploads.py -k folders_of_killed",
    ),
    "folders of other users are left alone": Guard(
        "rag/server/uploads.py", "folder.lstat().st_uid == os.getuid()", "True",
        "tests/server/test_uploads.py -k another_user",
    ),
    "a private host is not asked": Guard(
        "rag/sources/web_pages.py", "if not self._allow_private and not all(map(is_public, addresses)):", "if False:",
        "tests/sources/test_web_pages.py -k no_private_host",
    ),
    "the address that was checked is the one that is asked": Guard(
        "rag/sources/web_pages.py", "socket.create_connection((address, port)",
        "socket.create_connection((socket.getaddrinfo(host, port)[0][4][0], port)",
        "tests/sources/test_web_pages.py -k changes_its_mind",
    ),
    "robots.txt is respected": Guard(
        "rag/sources/web_pages.py", "if not self._robots[host].can_fetch(AGENT, url):", "if False:",
        "tests/sources/test_web_pages.py -k robots",
    ),
    "the size of a page is limited": Guard(
        "rag/sources/web_pages.py", "if len(body) > limit or (decompressor and decompressor.unconsumed_tail):", "if False:",
        "tests/sources/test_web_pages.py -k may_do_to_us",
    ),
    "a zip bomb is not unpacked": Guard(
        "rag/sources/decoding/zipped_xml.py", "if part.file_size > _MOST_BYTES or (", "if False and (",
        "tests/sources/decoding/test_zipped_xml.py -k bomb",
    ),
    "nothing outside a file is read": Guard(
        "rag/sources/decoding/zipped_xml.py",
        "        resolve_entities=False,\n        no_network=True,\n        load_dtd=False,\n",
        "        resolve_entities=True,\n        load_dtd=True,\n", "tests/sources/decoding/test_zipped_xml.py -k outside",
    ),
    "text in one element is whole": Guard(
        "rag/sources/decoding/zipped_xml.py", "huge_tree=True,", "huge_tree=False,",
        "tests/sources/decoding/test_zipped_xml.py -k whole",
    ),
    "a file whose parser was killed is read again": Guard(
        "rag/index/importing/ingest.py", '"" if error.retryable else content_hash', "content_hash",
        "tests/sources/test_parser_process.py -k cost_no_file",
    ),
    "a body has a deadline": Guard(
        "rag/server/connections.py", "asyncio.timeout_at(started + _BODY_S + size / _BYTES_PER_S)", "asyncio.timeout(None)",
        "tests/server/test_connections.py -k half_sent_questions",
    ),
    "forwarded headers count only from named proxies": Guard(
        "rag/server/application.py", "forwarded_allow_ips=list(proxies)", 'forwarded_allow_ips="*"',
        "tests/server/test_connections.py -k proxies",
    ),
    "YAML aliases do not multiply": Guard(
        "rag/evaluation/test_set_formats.py", "if _expanded_size(root, {}) > _MAX_VALUES:", "if False:",
        "tests/evaluation/test_test_set_formats.py -k aliases",
    ),
    "a page that was cut off is not stored": Guard(
        "rag/sources/web_pages.py", "                if time.monotonic() >= deadline - _TOLERANCE_S:\n                    break",
        "                if False:\n                    break", "tests/sources/test_web_pages.py -k without_length",
    ),
    "a parser that hangs is killed": Guard(
        "rag/child_process.py", "                self._process.kill()\n                return", "                return",
        "tests/torture/test_mixed.py -k hangs",
    ),
    "pages have checksums": Guard(
        f"{DATABASE}/opening.py", 'vfs="cksmvfs")', 'vfs="unix")', "tests/torture/test_damage.py -k never_answered_from",
    ),
    "acknowledged commits are counted beside the catalog": Guard(
        f"{DATABASE}/connections.py", "acknowledged[1] > commits", "acknowledged[1] > commits + 10**9",
        "tests/torture/test_damage.py -k lost_log",
    ),
    "an empty catalog is not a new one": Guard(
        f"{DATABASE}/connections.py", "if acknowledged and not exists else", "if acknowledged and False else",
        "tests/torture/test_damage.py -k never_answered_from",
    ),
    "a truncated file is detected": Guard(
        f"{DATABASE}/connections.py", "if self._is_truncated():", "if False:",
        "tests/torture/test_damage.py -k cut_at_its_end",
    ),
    "another program's file is refused": Guard(
        f"{DATABASE}/schema.py", "if (version == 0 and tables)", "if (version < 0 and tables)",
        "tests/torture/test_damage.py -k another_file",
    ),
    "a newer catalog is refused": Guard(
        f"{DATABASE}/schema.py", "if version > VERSION:", "if version > 10**6:",
        "tests/index/catalog/database/test_schema.py -k newer",
    ),
    "changes are committed together": Guard(
        f"{DATABASE}/connections.py", 'connection.execute("BEGIN IMMEDIATE")\n            try:\n                yield\n',
        'connection.execute("BEGIN IMMEDIATE")\n            try:\n                connection.execute("COMMIT")\n'
        '                yield\n                connection.execute("BEGIN IMMEDIATE")\n',
        "tests/torture/test_kill.py -k any_point",
    ),
    "removed names are stored as hashes": Guard(
        f"{DATABASE}/schema.py", "return hashlib.blake2b(name.encode(), key=catalog.encode(), digest_size=16).digest()",
        "return name.encode()", "tests/index/maintenance/test_compaction.py -k means_gone",
    ),
    "a backup is not restored while the catalog is open": Guard(
        f"{DATABASE}/backup.py", "    if fcntl is None:\n        return", "    return",
        "tests/torture/test_damage.py -k under_others",
    ),
    "a generation is trusted only if every byte is as sealed": Guard(
        "rag/index/chroma/seal.py", 'sealed["files"] == _files(self._folder)', "True",
        "tests/index/test_vector_search_with_chroma.py -k differs",
    ),
    "an unsealed generation is not opened": Guard(
        "rag/index/chroma/seal.py", "        except (OSError, ValueError, KeyError, TypeError):\n            return None",
        '        except (OSError, ValueError, KeyError, TypeError):\n            return ":3"',
        "tests/index/test_vector_search_with_chroma.py -k differs",
    ),
    "the child keeps the lock": Guard(
        "rag/index/chroma/process.py", 'inherit = [lock] if lock is not None and sys.platform != "win32" else []',
        "inherit = []", "tests/index/test_vector_search_with_chroma.py -k outlives",
    ),
    "a Chroma that hangs is killed": Guard(
        "rag/index/chroma/process.py", "child.request(message, payload, limit_s=limit_s)",
        "child.request(message, payload, limit_s=10**6)", "tests/index/test_vector_search_with_chroma.py -k hang",
    ),
    "a crash of Chroma costs no answer": Guard(
        "rag/index/vector_search.py",
        "                self._discard_failed(error)\n                return self.nearest(vector, k)",
        "                raise", "tests/index/test_vector_search_with_chroma.py -k crash",
    ),
    "the scan follows the log": Guard(
        "rag/index/catalog_scan.py", "        while entries := self._catalog.changes.after(self._seq, _ROWS_AT_ONCE):",
        "        while entries := []:", "tests/index/test_vector_search_with_chroma.py -k second_process",
    ),
    "a trimmed log makes the scan start over": Guard(
        "rag/index/catalog_scan.py", " and self._seq >= trimmed", "",
        "tests/index/test_vector_search_with_chroma.py -k copies_what_is_there",
    ),
    "another index version makes the scan start over": Guard(
        "rag/index/catalog_scan.py", "self._version == version and ", "",
        "tests/index/maintenance/test_reindex.py -k scans_follows",
    ),
    "a search sees one moment": Guard(
        "rag/retrieval/search.py", "with self._catalog.snapshot():", "if True:", "tests/retrieval/test_search.py -k during_a_search",
    ),
    "a document that changes while it is quoted is searched again": Guard(
        "rag/answering/extractive_answer.py",
        "if all(self._documents.text(hit.document_id, hit.start, hit.end) == hit.text for hit in evidence.hits):",
        "if True:", "tests/test_library.py -k while_it_is_quoted",
    ),
    "a removal during an import wins": Guard(
        "rag/index/importing/batch_writer.py",
        "                if self._catalog.files.is_removed(prepared.root_id, prepared.document.source):\n"
        "                    continue  # the user has removed the document since it was parsed\n", "",
        "tests/index/importing/test_batch_writer.py -k removed_while_it_is_imported",
    ),
    "nothing is stored of a removed document": Guard(
        "rag/index/catalog/passages.py", "                return []  # the user has removed the document in the meantime", "                pass",
        "tests/index/importing/test_batch_writer.py -k long_one_removed",
    ),
    "many vanished documents are kept": Guard(
        "rag/index/importing/ingest.py", "held = lost if many and not prune else []", "held = []", "tests/index/importing/test_ingest.py",
    ),
    "the change time of a file's entry counts": Guard(
        "rag/index/importing/ingest.py",
        "same = (file.size, file.mtime_ns, file.ctime_ns) == (seen.size, seen.mtime_ns, seen.ctime_ns)",
        "same = (file.size, file.mtime_ns) == (seen.size, seen.mtime_ns)", "tests/index/importing/test_ingest.py -k old_time",
    ),
    "onnxruntime sends nothing": Guard(
        "rag/models/inference.py", 'os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"', "",
        "tests/test_network.py -k no_traces",
    ),
    "a run of full stops is read once": Guard(
        "rag/text/sentences.py", "(?<![.!?…])", "", "tests/test_bounded.py -k grows_with_length",
    ),
}  # fmt: skip


def fails_without(guard: Guard) -> bool:
    """Runs a guard's test in a copy of the repository without the guard; returns whether the test fails."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        skipped = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache")
        # Only the index in the root is data; rag/index and tests/index are code.
        shutil.copytree(ROOT, copy, ignore=lambda at, names: {*skipped(at, names), *(["index"] if at == str(ROOT) else [])})
        source = (copy / guard.file).read_text("utf-8")
        if source.count(guard.line) != 1:
            raise SystemExit(f"{guard.file} contains this {source.count(guard.line)} times: {guard.line}")
        (copy / guard.file).write_text(source.replace(guard.line, guard.without), "utf-8")
        name, *words = guard.test.split(" ", 2)
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", name, *words],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = child.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:  # hangs without its guard
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return True
        if child.returncode not in (0, 1):
            raise SystemExit(output[-2000:])
        return child.returncode == 1


def main() -> None:
    selected = {name: guard for name, guard in GUARDS.items() if all(word in name for word in sys.argv[1:])}
    unneeded = []
    for name, guard in selected.items():
        is_needed = fails_without(guard)
        print(f"{'needed  ' if is_needed else 'UNNEEDED'}  {name}", flush=True)
        unneeded += [] if is_needed else [name]
    raise SystemExit(1 if unneeded else 0)


if __name__ == "__main__":
    main()
