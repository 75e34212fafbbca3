"""Worker: scoring the test split with a batched fp32 loop over materialised windows; a step is the whole split.

python -m benchmarks.score_plain FOLDER STEPS OVERRIDE...
"""

import sys

import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.pace import Pace
from benchmarks.plain_network import PlainLSTMVAE
from benchmarks.windows import configuration, materialised
from skelmap.training.instantiate import build


def score(network: PlainLSTMVAE, windows: TensorDataset, batch_size: int) -> Tensor:
    """Give the mean squared error of each window, (W,)."""
    device = next(network.parameters()).device
    scores = []
    with torch.no_grad():
        for (maps,) in DataLoader(windows, batch_size):
            maps = maps.to(device)
            scores.append((network(maps)[0].sigmoid() - maps).square().flatten(1).mean(dim=1))
    return torch.cat(scores)


def main(folder: str, steps: str, *overrides: str) -> None:
    """Score until the parent has enough."""
    cfg = configuration(folder, *overrides)
    windows = TensorDataset(materialised(build(cfg.data), "test"))
    m = cfg.model
    network = PlainLSTMVAE(m.seq_len, m.img_size, m.latent_dim, m.hidden_size, list(m.channels))
    network = network.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    pace = Pace(int(steps))
    while True:
        score(network, windows, cfg.data.batch_size)
        if not pace.step():
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
