"""Keypoints of people: joint layouts, clips, readers, the manifest, tracking, resampling."""
