"""The page: `python ui.py`, `gradio ui.py` or `rag ui`. Settings as for the command line (rag.toml, RAG_*)."""

from rag.configuration import load_settings, untrusted_addresses
from rag.errors import RagError
from rag.server.application import serve

if __name__ == "__main__":
    try:
        resolved = load_settings({})
        if hosts := untrusted_addresses(resolved):
            raise SystemExit(
                f"rag: the rag.toml of this folder would send your text to {', '.join(hosts)}; allow it: rag --trust ui"
            )
        serve(resolved.settings, "127.0.0.1", 7860)
    except RagError as error:
        raise SystemExit(f"rag: {error}\n     {error.hint}") from None
