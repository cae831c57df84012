"""Functions that find sentences, search terms, languages, quotations, dates and special characters in text."""
