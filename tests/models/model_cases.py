"""Small models and the batches they are tried on."""

from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from hydra_config import Compose
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.models.ae import AE
from skelmap.models.autoencoder import Autoencoder
from skelmap.models.lstm_vae import LSTMVAE
from skelmap.models.vae import VAE

CONF = Path(__file__).parents[2] / "conf"
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
"""Every model of conf/model: a new file is tested by itself."""
VIEWS = ("neighbours", "knn_course", "pca_course", "knn_spectra", "knn_ranks")
NETWORKS = ("ae", "vae", "lstm_vae")


def network(
    name: str, img_size: int = 28, seq_len: int = 4, score: str = "recon_error", map_channels: int = 1, **others: float
) -> Autoencoder:
    """A network of few weights; its batch normalisation has seen something, so that eval mode is not trivial."""
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
    """Overrides that make a model of conf/model quick to train on the small task."""
    sizes = {
        **{network: ["model.channels=[4,8]", "model.learning_rate=0.01"] for network in NETWORKS},
        "gmm": ["model.mixtures=2"],
        "knn": ["model.neighbours=3"],
        **{views: ["model.neighbours=3", "model.dimensions=[4]", "model.remainder=true"] for views in VIEWS},
        "pca_course": ["model.dimensions=[4]"],
        "knn_ranks": ["model.neighbours=3", "model.dimensions=[4,4]", "model.remainder=true"],
        "neighbours": ["model.neighbours=3", "model.dimensions=[4,4,4,4]", "model.relative=0.5"],
    }.get(name, [])
    sizes += ["model.hidden_size=32"] if name == "lstm_vae" else []
    latent = [] if name in ("mean_map", *VIEWS) else ["model.latent_dim=4"]
    return [f"model={name}", "data=manifest", "data.seq_len=8", "trainer.accelerator=cpu", *sizes, *latent]


def built(compose: Compose, task: Path, name: str, *overrides: str) -> tuple[pl.LightningModule, SkeletonDataModule]:
    """A small model and its data, as train.py would build them."""
    cfg = compose(*small_overrides(name), f"data.manifest={task}", *overrides)
    pl.seed_everything(0, verbose=False)
    return instantiate(cfg.model, _convert_="all"), instantiate(cfg.data, _convert_="all")


def trainer(epochs: int) -> pl.Trainer:
    """Trains without a word and leaves nothing behind."""
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    return pl.Trainer(accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, **quiet)
