"""Hyperparameter tuning with Optuna, on normal validation recordings alone."""
