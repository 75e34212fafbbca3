"""Parts of scripts/benchmark.py, and the implementations that it compares."""
