"""Pose estimators, and videos turned into clips."""
