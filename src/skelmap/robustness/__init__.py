"""A trained model on damaged recordings: dropped joints and frames, jitter, other frame rates, broken tracks."""
