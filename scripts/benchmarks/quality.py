"""Does the faster training learn the same? The plain loop and skelmap, three seeds each, judged alike."""

import copy
import io
from collections.abc import Iterator
from contextlib import redirect_stdout

import torch
from omegaconf import DictConfig
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.plain_network import PlainLSTMVAE, negative_elbo
from benchmarks.windows import configuration, materialised
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.evaluation.evaluate import evaluate
from skelmap.training import run

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def compared(folder: str, *overrides: str) -> Iterator[tuple[int, str, float, float]]:
    """Train and judge on the simulated factory; yield seed, who, lowest val/loss and AUROC."""
    for seed in (0, 1, 2):
        cfg = configuration(f"{folder}/{seed}", f"seed={seed}", f"paths.data_dir={folder}/data_dir", *overrides)
        trainer, model, data = run.prepare(cfg)
        with redirect_stdout(io.StringIO()):
            numbers = run.run(cfg)
        yield seed, "skelmap", numbers["val_loss"], numbers["auroc"]
        m = cfg.model
        network = PlainLSTMVAE(m.seq_len, m.img_size, m.latent_dim, m.hidden_size, list(m.channels)).to(DEVICE)
        copy_weights(model.network, network)
        loss = train_plainly(network, cfg, data)
        copy_weights(network, model.network)
        result = evaluate(run.predict(trainer, model, data), data.test_rows())
        assert result.primary.auroc.value is not None
        yield seed, "plain", loss, result.primary.auroc.value


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters and buffers, which lie in the same order in both networks."""
    for theirs, own in zip(
        (*source.parameters(), *source.buffers()), (*target.parameters(), *target.buffers()), strict=True
    ):
        own.data.copy_(theirs.data)


def train_plainly(network: PlainLSTMVAE, cfg: DictConfig, data: SkeletonDataModule) -> float:
    """Train as long as the configuration says and keep the best epoch's weights; give its val/loss."""
    torch.manual_seed(cfg.seed)
    train, val = (TensorDataset(materialised(data, split)) for split in ("train", "val"))
    m = cfg.model
    optimiser = torch.optim.Adam(network.parameters(), m.learning_rate)
    best, weights = float("inf"), copy.deepcopy(network.state_dict())
    for _ in range(cfg.trainer.max_epochs):
        network.train()
        for (maps,) in DataLoader(train, cfg.data.batch_size, shuffle=True):
            maps = maps.to(DEVICE)
            optimiser.zero_grad()
            logits, mu, logvar = network(maps)
            negative_elbo(logits, maps, mu, logvar).backward()
            optimiser.step()
        network.eval()
        with torch.no_grad():
            total = 0.0
            for (maps,) in DataLoader(val, cfg.data.batch_size):
                maps = maps.to(DEVICE)
                logits, mu, logvar = network(maps)
                total += len(maps) * negative_elbo(logits, maps, mu, logvar).item()
        if total / len(val) < best:
            best, weights = total / len(val), copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    return best
