"""CUDA graphs: the hundreds of small kernels of a training step, started as one."""

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from skelmap.data import SkeletonMaps
from skelmap.models import Autoencoder


class CudaGraph(Callback):
    """Record a network's training pass, forwards and backwards, before training, and replay it for every batch.

    The kernels are those of the ordinary way, so are the results; what falls away is the time in which the GPU waits
    for Python to start each (Nguyen et al. 2021, "Accelerating PyTorch with CUDA graphs"). Batches of another size, as
    an epoch's last may be, go the ordinary way. Where there is no GPU, with several processes, another precision than
    float32 or gradients summed over batches, nothing is recorded. `~callbacks.cuda_graph` turns it off.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record, with a batch of nothing, and leave no trace of it in running means."""
        if not isinstance(pl_module, Autoencoder) or pl_module.device.type != "cuda":
            return
        if trainer.world_size > 1 or trainer.precision != "32-true" or trainer.accumulate_grad_batches > 1:
            return
        data: SkeletonMaps = trainer.datamodule
        nothing = torch.zeros(data.batch_size, data.window, *data.settings.shape, device=pl_module.device)
        network = pl_module.network
        ordinary, before = network.forward, [buffer.clone() for buffer in network.buffers()]
        torch.cuda.make_graphed_callables(network.train(), (nothing,))
        replay = network.forward  # in place of which it put its own
        for buffer, value in zip(network.buffers(), before, strict=True):
            buffer.copy_(value)

        def forward(maps: torch.Tensor) -> Any:
            return (replay if maps.shape == nothing.shape else ordinary)(maps)

        network.forward = forward  # type: ignore[method-assign]

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Let go of what was recorded."""
        if isinstance(pl_module, Autoencoder):
            pl_module.network.__dict__.pop("forward", None)
