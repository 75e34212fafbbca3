"""Secrets are hidden in any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skelmap.utils.errors import UserError
from skelmap.utils.redaction import redact

KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://admin:hunter2@10.0.0.5/live", "rtsp://***@10.0.0.5/live"),
        ("rtsp://admin:p/a@ss@camera:554/a b", "rtsp://***@camera:554/a b"),
        ("http://cam/?user=admin&password=hunter2&x=1", "http://cam/?user=admin&password=***&x=1"),
        ("+wandb_api_key=hunter2 seed=1", "+wandb_api_key=*** seed=1"),
        ('{"api_key": "hunter 2", "seed": 1}', '{"api_key": ***, "seed": 1}'),
        ("password: 'hunter2'\nseed: 1", "password: ***\nseed: 1"),
        ("data.manifest=a@b.csv keypoints=3", "data.manifest=a@b.csv keypoints=3"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_secrets_of_the_environment_are_hidden_wherever_they_turn_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert redact(f"401 for {KEY}!") == "401 for ***!"
    assert KEY not in str(UserError(f"refused: {KEY}"))


@given(st.text(st.characters(exclude_characters="\"'<>", exclude_categories=["Z", "C"]), min_size=8, max_size=40))
def test_no_password_survives(password: str) -> None:
    for text in (f"rtsp://me:{password}@camera/live", f"secret={password.strip(',;&)}]') or 'x'}"):
        assert password not in redact(text) or password in "rtsp://***@camera/live"
