"""Find unusual actions of workers in video with sequential skeleton maps and models of normal work."""

__version__ = "0.1.0"
