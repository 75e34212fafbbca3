"""Joint localisation from single skeleton maps: how much of a pose a map of a given size keeps."""
