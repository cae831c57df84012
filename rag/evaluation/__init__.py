"""Runs test sets, computes metrics and statistics, compares runs, fits the abstention threshold, and formats reports."""
