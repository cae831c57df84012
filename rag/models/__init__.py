"""The models: the shipped embedder, an embeddings endpoint, chat models, and the servers found on this machine."""
