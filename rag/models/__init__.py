"""Clients for embedding models and chat models, and a search for model servers that run on this machine."""
