"""Hyperparameter search with Optuna, on normal validation recordings alone."""
