"""Messages for users."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from skelmap.utils.errors import UserError


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_a_message_holds_no_control_characters_and_is_short(text: str) -> None:
    message = str(UserError(f"clip {text}: wrong"))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]", message)
    assert len(message) <= 1000
