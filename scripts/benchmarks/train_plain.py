"""Worker: training as a user would write it by hand: fp32, `DataLoader(TensorDataset(windows))`, Adam.

python -m benchmarks.train_plain FOLDER STEPS OVERRIDE...
"""

import sys

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.pace import Pace
from benchmarks.plain_network import PlainLSTMVAE, negative_elbo
from benchmarks.windows import configuration, materialised
from skelmap.training.instantiate import build


def main(folder: str, steps: str, *overrides: str) -> None:
    """Train until the parent has enough."""
    cfg = configuration(folder, *overrides)
    windows = TensorDataset(materialised(build(cfg.data), "train"))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    m = cfg.model
    network = PlainLSTMVAE(m.seq_len, m.img_size, m.latent_dim, m.hidden_size, list(m.channels)).to(device)
    optimiser = torch.optim.Adam(network.parameters(), m.learning_rate)
    pace = Pace(int(steps))
    while True:
        for (maps,) in DataLoader(windows, cfg.data.batch_size, shuffle=True, pin_memory=device.type == "cuda"):
            maps = maps.to(device)
            optimiser.zero_grad()
            logits, mu, logvar = network(maps)
            negative_elbo(logits, maps, mu, logvar).backward()
            optimiser.step()
            if not pace.step():
                return


if __name__ == "__main__":
    main(*sys.argv[1:])
