"""Training: run, callbacks, checkpoints, loggers, the run directory."""
