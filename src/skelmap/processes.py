"""Several processes that train one model, each on its own device (DDP); without them, everything here does nothing."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def concatenated(part: Tensor) -> Tensor:
    """Concatenate tensors of all processes, by rank; they may differ in length."""
    if not dist.is_initialized():
        return part
    parts = [part.cpu()] * dist.get_world_size()
    dist.all_gather_object(parts, part.cpu())
    return torch.cat(parts).to(part.device)


def share_buffers(module: nn.Module) -> None:
    """Give all processes the first one's running means: they are what its checkpoint will hold."""
    if dist.is_initialized():
        for buffer in module.buffers():
            dist.broadcast(buffer, src=0)
