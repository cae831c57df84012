"""Evaluates answers on test sets: runs, metrics, statistics, comparison of runs, calibration, reports."""
