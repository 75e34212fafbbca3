"""Check that fast training learns the same: the plain PyTorch loop and skelmap, three seeds each, same evaluation."""

import copy
import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.common import DEVICE, configuration, training_windows
from benchmarks.plain_pytorch import PlainLSTMVAE, negative_elbo, plain_network, train_step
from skelmap.data.datamodule import SkeletonDataModule
from skelmap.evaluation.evaluate import evaluate
from skelmap.training import run
from skelmap.training.config_check import resolve
from skelmap.training.prepare import prepare


def compare_quality(folder: str, *overrides: str) -> Iterator[tuple[int, str, float, float]]:
    """Train and evaluate both implementations from the same initial weights on simulated data.

    Yields:
        Seed, name of the implementation, lowest val/loss, nats per window, and AUROC.
    """
    for seed in (0, 1, 2):
        cfg = configuration(f"{folder}/{seed}", f"seed={seed}", f"paths.data_dir={folder}/data_dir", *overrides)
        config = resolve(cfg)
        parts = prepare(config)
        with redirect_stdout(io.StringIO()):
            numbers = run.run(cfg)
        yield seed, "skelmap", numbers["val_loss"], numbers["auroc"]
        network = plain_network(config)
        copy_weights(parts.model.network, network)
        loss = train_plain(network, config, parts.data)
        copy_weights(network, parts.model.network)
        test, _ = run.predict(parts)
        assert test is not None
        result = evaluate(test, parts.data.splits.eval_index("test"))
        assert result.primary.auroc.value is not None
        yield seed, "plain", loss, result.primary.auroc.value


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters and buffers, which are in the same order in both networks."""
    for theirs, own in zip(
        (*source.parameters(), *source.buffers()), (*target.parameters(), *target.buffers()), strict=True
    ):
        own.data.copy_(theirs.data)


def train_plain(network: PlainLSTMVAE, config: dict[str, Any], data: SkeletonDataModule) -> float:
    """Train for `trainer.max_epochs` epochs, keep the weights of the best one, and give its val/loss."""
    torch.manual_seed(config["seed"])
    train, val = (TensorDataset(training_windows(data, split)) for split in ("train", "val"))
    batch_size = config["data"]["batch_size"]
    optimizer = torch.optim.Adam(network.parameters(), config["model"]["learning_rate"])
    best, weights = float("inf"), copy.deepcopy(network.state_dict())
    for _ in range(config["trainer"]["max_epochs"]):
        network.train()
        for (maps,) in DataLoader(train, batch_size, shuffle=True):
            train_step(network, maps, optimizer)
        loss = validation_loss(network, val, batch_size)
        if loss < best:
            best, weights = loss, copy.deepcopy(network.state_dict())
    network.load_state_dict(weights)
    return best


def validation_loss(network: PlainLSTMVAE, windows: TensorDataset, batch_size: int) -> float:
    """Mean negative evidence lower bound, nats per window."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for (maps,) in DataLoader(windows, batch_size):
            maps = maps.to(DEVICE)
            logits, mu, logvar = network(maps)
            total += len(maps) * negative_elbo(logits, maps, mu, logvar).item()
    return total / len(windows)
