"""Time the ways in which a CPU can compute the same training step, and train in the fastest one.

Which memory layout of the weights is fast, and whether bfloat16 is, depends on the processor: each choice has been the
slower one somewhere (docs/lab/performance.md).
"""

import copy
import json
import logging
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn

from skelmap.models.autoencoder_base import Autoencoder
from skelmap.models.networks import LatentNetwork, MapDecoder, MapEncoder
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write, read_json_object

log = logging.getLogger(__name__)
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
PARTS: dict[str, tuple[type[nn.Module], ...]] = {"LSTM": (nn.LSTM,), "CNN": (MapEncoder, MapDecoder)}
"""Parts of a network that leave bfloat16 separately."""
MIN_STEPS = 500
"""Shorter trainings are not tuned: measuring takes as long as some steps."""
SECONDS_EACH = 0.3
"""CPU time for which steps of one way are repeated; of large windows one to warm up and two to measure take longer."""
MIN_GAIN = 0.05
"""A way replaces the best one so far if it saves this share of the time; less may be chance."""
CPUINFO = Path("/proc/cpuinfo")


class Way(NamedTuple):
    """A way to compute a training step; the first one is the default.

    Attributes:
        layout: of the convolutions' weights in memory, a key of `LAYOUTS`.
        float32: parts that are computed in float32 although the trainer's precision is bfloat16, keys of `PARTS`.
    """

    layout: str = "channels_last"
    float32: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Describe it for the log."""
        return f"weights {self.layout}" + (f", {' and '.join(self.float32)} in float32" if self.float32 else "")

    def apply(self, network: nn.Module) -> None:
        """Let a network compute in this way, on the CPU."""
        network.to(memory_format=LAYOUTS[self.layout])  # type: ignore[call-overload]
        for part, classes in PARTS.items():
            for module in (module for module in network.modules() if isinstance(module, classes)):
                module.__dict__.pop("forward", None)
                if part in self.float32:
                    module.forward = _in_float32(module.forward)


def _in_float32(forward: Callable[[Tensor], Any]) -> Callable[[Tensor], Any]:
    def forward_in_float32(inputs: Tensor) -> Any:
        with torch.autocast("cpu", enabled=False):
            return forward(inputs.float())

    return forward_in_float32


class Autotune(Callback):
    """Train an autoencoder on the CPU in the fastest way, which is timed once for a machine, a model and its input.

    The way is remembered in `CACHE_DIR/autotune/` and kept in checkpoints, so that a resumed run computes as it began.
    Several processes and short trainings take the default.

    Attributes:
        way: None before training.
    """

    def __init__(self) -> None:
        self.way: Way | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Choose a way and apply it."""
        if not isinstance(pl_module, Autoencoder) or pl_module.device.type != "cpu":
            return
        if self.way is None:
            tuned = trainer.world_size == 1 and trainer.estimated_stepping_batches >= MIN_STEPS
            self.way = _fastest_way(trainer, pl_module) if tuned else Way()
        self.way.apply(pl_module.network)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Apply the default: scores do not depend on the way of training."""
        if isinstance(pl_module, Autoencoder) and self.way is not None:
            Way().apply(pl_module.network)

    def state_dict(self) -> dict[str, Any]:
        """The way, for the checkpoint."""
        return {} if self.way is None else {"layout": self.way.layout, "float32": list(self.way.float32)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore it from a checkpoint."""
        self.way = _as_way(state_dict) if state_dict else None


def _as_way(values: dict[str, Any]) -> Way:
    """Build a way of plain values.

    Raises:
        KeyError: a value is missing or not known.
    """
    layout, float32 = values["layout"], tuple(values["float32"])
    for known, given in ((LAYOUTS, [layout]), (PARTS, float32)):
        for value in given:
            known[value]
    return Way(layout, float32)


def _fastest_way(trainer: pl.Trainer, model: Autoencoder) -> Way:
    """Recall the fastest way, or measure and remember it."""
    data = cast(Any, trainer).datamodule
    shape = (data.batch_size, data.window, *data.settings.shape)
    key = _key(trainer, model, shape)
    path = data.cache_dir / "autotune" / f"{sha256(key.encode()).hexdigest()[:16]}.json"
    if path.exists():
        with suppress(UserError, KeyError, TypeError):  # damaged: measured anew
            way = _as_way(read_json_object(path))
            log.info("training step: %s, as measured before", way)
            return way
    way, times = _measure(trainer, model.network, torch.zeros(shape))
    log.info("training step: %s (CPU time in ms: %s)", way, ", ".join(f"{name} {ms}" for name, ms in times.items()))
    with atomic_write(path) as file:
        file.write(json.dumps({**way._asdict(), "ms": times, "key": key}, indent=2) + "\n")
    return way


def _key(trainer: pl.Trainer, model: Autoencoder, shape: tuple[int, ...]) -> str:
    """Describe all that the time of a step depends on."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    described = {line for line in lines if line.startswith(("model", "flags", "Features", "CPU part"))}
    network = {name: list(weights.shape) for name, weights in model.network.named_parameters()}
    return "\n".join(
        [
            *(sorted(described) or [platform.processor()]),
            f"{torch.get_num_threads()} threads, torch {torch.__version__}",
            f"{trainer.precision}, windows {shape}",
            f"{type(model.network).__name__} {network}",
        ]
    )


def _measure(trainer: pl.Trainer, network: LatentNetwork, windows: Tensor) -> tuple[Way, dict[str, float]]:
    """Find the fastest way: one choice after the other, each with the best way so far.

    Returns:
        The way, and the CPU time of a step in each way that was tried, ms.
    """
    network = copy.deepcopy(network).train()
    best, times = Way(), {str(Way()): _shortest_step(trainer, network, windows)}

    def try_way(way: Way) -> Way:
        way.apply(network)
        before, now = times[str(best)], _shortest_step(trainer, network, windows)
        times[str(way)] = now
        return way if now < (1 - MIN_GAIN) * before else best

    for part, classes in PARTS.items() if trainer.precision == "bf16-mixed" else ():
        if any(isinstance(module, classes) for module in network.modules()):
            best = try_way(best._replace(float32=(*best.float32, part)))
    if any(weights.dim() == 4 for weights in network.parameters()):
        best = try_way(best._replace(layout="contiguous"))
    return best, {name: round(1e3 * seconds, 1) for name, seconds in times.items()}


def _shortest_step(trainer: pl.Trainer, network: LatentNetwork, windows: Tensor) -> float:
    """Time forward and backward pass, s: the shortest of at least two after one to warm up.

    CPU time of all threads, because other processes change it less than the time on the clock.
    """
    seconds: list[float] = []
    while len(seconds) < 3 or sum(seconds) < SECONDS_EACH:
        began = time.process_time()
        with trainer.precision_plugin.forward_context():
            outputs = network(windows)
        sum(output.float().sum() for output in outputs).backward()
        seconds.append(time.process_time() - began)
    return min(seconds[1:])
