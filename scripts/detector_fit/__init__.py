"""Fit the detector model of the simulation to measured detections (fit_detector.py)."""
