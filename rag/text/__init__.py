"""Functions on text: for sentences, search terms, languages, quotations, dates and special characters."""
