"""Simulation of workers, a camera and a pose detector; writes clips and a manifest."""
