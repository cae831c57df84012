"""Measures answers on test sets: runs, metrics, statistics, comparison, calibration, reports."""
