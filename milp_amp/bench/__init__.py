"""Suites and tables: formulations against each other, predictions against measurements."""
