"""Evaluation: frame scores, metrics, intervals, alarms, thresholds, the report."""
