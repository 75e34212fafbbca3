"""Frames that a network is not shown: it is trained to fill them in and judged by how well it does."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import network, small_overrides, some_maps

from hydra_config import Compose
from skelmap.data.datamodule import Batch
from skelmap.models.masking import SCORES, masks
from skelmap.training.run import run
from skelmap.utils.errors import UserError

both = pytest.mark.parametrize("score", SCORES)
T = 6
HIDDEN = {"masked_frames": [[1, 3, 5], [0, 2, 4]], "next_frames": [[4, 5]]}
"""Which of six frames are hidden, in turn."""
ASKED = {"masked_frames": [0, 1, 2, 3, 4, 5], "next_frames": [4, 5]}


@given(st.sampled_from(SCORES), st.integers(2, 100))
def test_something_is_shown_and_nothing_hidden_twice(score: str, frames: int) -> None:
    hidden = masks(score, frames).numpy()
    assert (hidden.sum(axis=0) <= 1).all() and (~hidden).any(axis=1).all() and hidden.any(axis=1).all()
    asked = hidden.any(axis=0)
    assert asked.all() if score == "masked_frames" else (np.diff(asked.astype(int)) >= 0).all() and asked[-1]


def test_frames_are_hidden_in_blocks_and_from_the_end() -> None:
    for score, hidden in HIDDEN.items():
        assert [mask.nonzero()[:, 0].tolist() for mask in masks(score, T)] == hidden
    blocks, between = masks("masked_frames", 30).numpy()
    assert np.flatnonzero(np.diff(blocks)).tolist() == [4, 9, 14, 19, 24] and (blocks != between).all()
    assert masks("next_frames", 30)[0].nonzero()[:, 0].tolist() == list(range(20, 30))


def filled_in(model: torch.nn.Module, maps: torch.Tensor, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Frames decoded without having been shown, and what was there: both (B, hidden frames, H, W)."""
    made, there = [], []
    for hidden in HIDDEN[score]:
        shown = maps.clone()
        shown[:, hidden] = 0
        made.append(model(shown).decoded.sigmoid()[:, hidden, 0].detach().numpy())
        there.append(maps[:, hidden, 0].numpy())
    return np.concatenate(made, axis=1), np.concatenate(there, axis=1)


@both
def test_the_score_is_the_error_of_frames_that_were_not_shown(score: str) -> None:
    model, maps = network("lstm_vae", seq_len=T, score=score), some_maps(5, T, 28)
    made, there = filled_in(model, maps, score)
    errors = ((made - there) ** 2).mean(axis=(1, 2, 3))
    batch = Batch(torch.arange(5), maps)
    with torch.inference_mode():
        np.testing.assert_allclose(model.predict_step(batch).score, errors, rtol=1e-4)
    scored, contributions = model.score_and_contributions(maps)
    np.testing.assert_allclose(scored.detach(), errors, rtol=1e-4)
    asked = ASKED[score]
    np.testing.assert_allclose(contributions[:, asked].mean(dim=(1, 2, 3, 4)).detach(), errors, rtol=1e-4)
    assert not contributions[:, [t for t in range(T) if t not in asked]].any()


@both
def test_what_is_hidden_is_not_looked_at(score: str) -> None:
    model, maps, others = network("lstm_vae", seq_len=T, score=score), some_maps(2, T, 28), some_maps(2, T, 28, seed=1)
    one = model.reconstruct(maps)
    for hidden in HIDDEN[score]:
        changed = maps.clone()
        changed[:, hidden] = others[:, hidden]
        torch.testing.assert_close(model.reconstruct(changed)[:, hidden], one[:, hidden])


@both
def test_it_is_trained_on_windows_with_hidden_frames(score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, maps = network("lstm_vae", seq_len=T, score=score), some_maps(64, T, 28)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(model.network, "encode", lambda shown: seen.append(shown) or (torch.zeros(64, 3),) * 2)
    monkeypatch.setattr(model, "_log", lambda *_: None)
    batch = Batch(torch.arange(64), maps)
    model.train().training_step(batch)
    allowed = [set(hidden) for hidden in HIDDEN[score]]
    black = [set(t for t in range(T) if not window[t].any()) for window in seen[0]]
    assert all(hidden in black and black.count(hidden) > 10 for hidden in allowed) and all(b in allowed for b in black)
    shown = torch.tensor([[t not in hidden for t in range(T)] for hidden in black])
    assert torch.equal(seen[0][shown], maps[shown])


@pytest.mark.parametrize("name", ["ae", "vae"])
@both
def test_networks_of_single_frames_have_nothing_to_fill_in(name: str, score: str) -> None:
    with pytest.raises(UserError, match=f"model.score={score}; allowed for .*AE are recon_error, bce, "):
        network(name, score=score)
    with pytest.raises(UserError, match=f"model.score={score}; allowed for LSTMVAE are recon_error, bce, "):
        network("lstm_vae", seq_len=1, score=score)


@pytest.mark.slow
def test_a_network_that_saw_all_frames_is_not_judged_by_hidden_ones(
    task: Path, compose: Compose, tmp_path: Path
) -> None:
    words = (*small_overrides("lstm_vae"), f"data.manifest={task}", "data.window_stride=4", "trainer.max_epochs=1")
    run(compose(*words, run=tmp_path / "whole"))
    hidden = run(compose(*words, "model.score=next_frames", run=tmp_path / "hidden"))
    judge = (*words, "train=false")
    best = {name: f"ckpt_path={tmp_path}/{name}/checkpoints/best.ckpt" for name in ("whole", "hidden")}
    with pytest.raises(UserError, match=r"trained with model.score=recon_error; next_frames needs a network that was"):
        run(compose(*judge, "model.score=next_frames", best["whole"], run=tmp_path / "refused"))
    with pytest.raises(UserError, match=r"trained with model.score=next_frames; masked_frames needs a network that"):
        run(compose(*judge, "model.score=masked_frames", best["hidden"], run=tmp_path / "refused"))
    again = run(compose(*judge, "model.score=next_frames", best["hidden"], run=tmp_path / "again"))
    other = run(compose(*judge, "model.score=mahalanobis", best["hidden"], run=tmp_path / "other"))
    assert again["auroc"] == hidden["auroc"] != other["auroc"]
