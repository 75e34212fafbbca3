"""File names and flat configuration keys."""

from hypothesis import given
from hypothesis import strategies as st

from skelmap.utils.names import MAX_STEM, flatten, safe_filename, shorten


def test_nested_configuration_becomes_flat() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None}
    assert flatten(nested) == {"a.b.c": 1, "a.d": [1, 2], "e": None}
    assert flatten(nested, "/") == {"a/b/c": 1, "a/d": [1, 2], "e": None}


@given(st.text(), st.text())
def test_different_texts_have_different_safe_file_names(one: str, other: str) -> None:
    names = [safe_filename(text) for text in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    assert all(len(name) <= MAX_STEM and not set(name) & set('/\\:*?"<>| \0\n') for name in names)


def test_long_names_are_shortened_and_stay_different() -> None:
    long = "data.img_size=28," * 10
    assert shorten(long, 200) == long
    assert len(shorten(long + "seed=0", 100)) == 100
    assert shorten(long + "seed=0", 100) != shorten(long + "seed=1", 100)
