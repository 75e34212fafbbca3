"""Small models and the batches they are tried on."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch

from hydra_config import Compose
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.models.ae import AE
from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.models.vae import VAE
from skelmap.training.config_check import resolve
from skelmap.training.instantiate import input_sizes, instantiate, instantiate_model

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
"""All files of conf/model."""
FEATURE_MODELS = tuple(name for name in MODELS if name.startswith("feature_"))
NETWORKS = ("ae", "vae", "lstm_vae")


def network(
    name: str, img_size: int = 28, seq_len: int = 4, score: str = "recon_error", map_channels: int = 1, **others: float
) -> Autoencoder:
    """A small network in eval mode, with non-trivial batch normalisation statistics."""
    torch.manual_seed(0)
    sizes = {"img_size": img_size, "latent_dim": 3, "channels": [4, 8], "learning_rate": 1e-2, "score": score}
    sizes |= {"map_channels": map_channels}
    if name == "lstm_vae":
        model: Autoencoder = LSTMVAE(seq_len=seq_len, hidden_size=12, **sizes, **others)
    else:
        model = AE(**sizes, **others) if name == "ae" else VAE(**sizes, **others)
    with torch.no_grad():
        model.train()(some_maps(8, seq_len if name == "lstm_vae" else 1, img_size, map_channels=map_channels))
    return model.eval()


def some_maps(count: int, window: int, img_size: int, seed: int = 0, map_channels: int = 1) -> torch.Tensor:
    """(B, T, C, H, W) zeros and ones."""
    random = np.random.default_rng(seed).random((count, window, map_channels, img_size, img_size))
    return torch.from_numpy((random < 0.2).astype(np.float32))


def small_overrides(name: str) -> list[str]:
    """Overrides that make a model of conf/model small."""
    sizes = {
        **{network: ["model.channels=[4,8]", "model.learning_rate=0.01"] for network in NETWORKS},
        "gmm": ["model.n_components=2"],
        "knn": ["model.n_neighbors=3"],
        "random_projection": ["model.n_neighbors=3"],
        "masked_keypoints": ["model.hidden_size=64", "model.learning_rate=0.01"],
        **{
            features: ["model.n_neighbors=3", "model.n_components=[4]", "model.keep_residual=true"]
            for features in FEATURE_MODELS
        },
        "feature_pca_trajectory": ["model.n_components=[4]"],
        "feature_knn_ranks": ["model.n_neighbors=3", "model.n_components=[4,4]", "model.keep_residual=true"],
        "feature_knn": ["model.n_neighbors=3", "model.n_components=[4,4,4,4,4]", "model.density_power=0.5"],
    }.get(name, [])
    sizes += ["model.hidden_size=32"] if name == "lstm_vae" else []
    latent = [] if name in ("mean_template", "masked_keypoints", *FEATURE_MODELS) else ["model.latent_dim=4"]
    return [f"model={name}", "data=manifest", "data.seq_len=8", "trainer.accelerator=cpu", *sizes, *latent]


def built(compose: Compose, task: Path, name: str, *overrides: str) -> tuple[pl.LightningModule, SkeletonDataModule]:
    """A small model and its data, built as by train.py."""
    config = resolve(compose(*small_overrides(name), f"data.manifest={task}", *overrides))
    pl.seed_everything(0, verbose=False)
    data = instantiate(config["data"])
    return instantiate_model(config["model"], input_sizes(data)), data


def trainer(epochs: int, **more: str) -> pl.Trainer:
    """A trainer without output and files."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return pl.Trainer(accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, **quiet, **more)
