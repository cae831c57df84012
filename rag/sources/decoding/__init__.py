"""Functions that several parsers share. They handle encodings, file types, zipped XML, XHTML, tables, pages and OCR."""
