"""Comparison of the runs of a sweep: statistics, tables, figures, one page."""
