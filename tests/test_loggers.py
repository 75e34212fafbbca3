"""Weights & Biases: online for those logged in, else offline; the user's mode is the user's."""

import logging
import os
import sys
from pathlib import Path

import pytest

from skelmap.errors import UserError
from skelmap.loggers import flat, wandb_logger


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for key in ("WANDB_API_KEY", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("WANDB_MODE", "x")  # so that monkeypatch takes back what wandb_logger sets
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def mode_after_opening(folder: Path) -> str | None:
    pytest.importorskip("wandb")
    wandb_logger(str(folder / "run"), "skelmap")
    return os.environ.get("WANDB_MODE")


def test_without_an_account_it_is_offline_and_says_how_to_sync(
    no_account: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert mode_after_opening(tmp_path) == "offline"
    assert f"wandb sync {tmp_path}/run/wandb/offline-run-*" in caplog.text


def test_a_key_or_a_netrc_entry_means_online(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_account.setenv("WANDB_API_KEY", "0" * 40)
    assert mode_after_opening(tmp_path) is None
    no_account.delenv("WANDB_API_KEY")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password secret\n")
    netrc.chmod(0o600)
    assert mode_after_opening(tmp_path) is None
    netrc.write_text("machine elsewhere.example login user password secret\n")
    assert mode_after_opening(tmp_path) == "offline"


def test_the_account_must_be_on_the_server_in_use(no_account: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_account.setenv("WANDB_BASE_URL", "https://wandb.example:8080/x")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine wandb.example login user password secret\n")
    netrc.chmod(0o600)
    assert mode_after_opening(tmp_path) is None


@pytest.mark.parametrize("mode", ["disabled", "online", "offline"])
def test_the_user_s_mode_is_kept(no_account: pytest.MonkeyPatch, tmp_path: Path, mode: str) -> None:
    no_account.setenv("WANDB_MODE", mode)
    assert mode_after_opening(tmp_path) == mode


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="logger=wandb needs the package wandb: pip install"):
        wandb_logger(str(tmp_path), "skelmap")


def test_nested_configuration_becomes_dotted_keys() -> None:
    assert flat({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": None}) == {"a.b.c": 1, "a.d": [1, 2], "e": None}
