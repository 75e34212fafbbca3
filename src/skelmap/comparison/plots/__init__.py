"""The figures of a comparison; each function returns a matplotlib Figure."""
