"""Shared by the parsers: encodings, file types, zipped XML, XHTML, tables, pages, and the recognition of scanned pages."""
