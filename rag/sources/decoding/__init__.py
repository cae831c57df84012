"""Functions that several parsers use, for encodings, file types, zipped XML, XHTML, tables, pages and text recognition."""
