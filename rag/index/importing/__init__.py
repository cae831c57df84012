"""Imports documents into an index: finds what is new or changed, splits, embeds and stores it, and reads it again later."""
