"""Simulation of workers before a camera with a pose detector; writes clips and a manifest."""
