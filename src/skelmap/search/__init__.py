"""Search for good values with Optuna, judged by normal validation recordings alone."""

from skelmap.search.recipe import Recipe
from skelmap.search.search import search
from skelmap.search.space import Space, read_space

__all__ = ["Recipe", "Space", "read_space", "search"]
