"""Three ways to guess where the joints are: without a map, by the most similar known map, by a network.

Each takes the training poses and maps and gives the (N, J, 2) positions for the test maps, source px from the neck.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from localisation.poses import Poses
from skelmap.models.networks import MapEncoder

Maps = NDArray[np.bool_]
Places = NDArray[np.float32]
CHUNK = 512
"""Test maps that are handled at once."""
EPOCHS = 10
BATCH = 64
LEARNING_RATE = 1e-2
CHANNELS = (8, 16, 32)
"""The network's size and training were chosen on the simulated factory's validation split, once for all map sizes."""


def mean_position(known: Poses, maps: Maps, asked: Maps, seed: int) -> Places:
    """Put each joint where it is on average: what can be done without any map."""
    return np.broadcast_to(_average(known)[0], (len(asked), *known.place.shape[1:]))


def nearest_map(known: Poses, maps: Maps, asked: Maps, seed: int) -> Places:
    """Put each joint where it was in the most similar training map that has it.

    Similar is what differs in few pixels (Hamming distance); of equals the first counts. A joint that no training
    row has is put at the neck.
    """
    flat = torch.from_numpy(maps.reshape(len(maps), -1)).float()
    lit = flat.sum(dim=1)
    found: Places = np.zeros((len(asked), *known.place.shape[1:]), np.float32)
    for begin in range(0, len(asked), CHUNK):
        part = torch.from_numpy(asked[begin : begin + CHUNK].reshape(-1, flat.shape[1])).float()
        distance = (lit - 2 * part @ flat.T).numpy()  # plus the lit pixels of the asked map: the same for all
        for joint, has in enumerate(known.seen.T):
            rows = np.flatnonzero(has)
            if len(rows):
                nearest = rows[distance[:, rows].argmin(axis=1)]
                found[begin : begin + CHUNK, joint] = known.place[nearest, joint]
    return found


def network(known: Poses, maps: Maps, asked: Maps, seed: int) -> Places:
    """Learn the positions from the map: the project's convolutional encoder and a linear layer.

    The loss is the mean distance of the detected joints in units of the training positions' spread; Adam with a
    one-cycle learning rate, the same number of epochs at every map size.
    """
    mean, spread = _average(known)
    target = torch.from_numpy((known.place - mean) / spread)
    seen, images = torch.from_numpy(known.seen), torch.from_numpy(maps)[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = MapEncoder(maps.shape[1], CHANNELS)
        model = nn.Sequential(
            encoder, nn.Linear(encoder.features, target[0].numel()), nn.Unflatten(1, target.shape[1:])
        )
        _fit(model, images, target, seen)
    model.eval()
    with torch.inference_mode():
        found = torch.cat([model(part.float()) for part in torch.from_numpy(asked)[:, None].split(CHUNK)])
    return found.numpy() * spread + mean


def _fit(model: nn.Module, images: Tensor, target: Tensor, seen: Tensor) -> None:
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)
    batches = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).chunk(batches):
            distance = (model(images[rows].float()) - target[rows]).square().sum(dim=-1).add(1e-6).sqrt()
            loss = (distance * seen[rows]).sum() / seen[rows].sum().clamp(min=1)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


def _average(known: Poses) -> tuple[Places, np.float32]:
    """Mean position of each joint, (J, 2) px, and the spread of all joints about theirs, px."""
    count = known.seen.sum(axis=0)[:, None]
    mean = (known.place * known.seen[..., None]).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    square = np.square(known.place - mean)[known.seen].mean()
    return mean.astype(np.float32), np.float32(max(np.sqrt(square), 1))


METHODS = {"mean position": mean_position, "nearest map": nearest_map, "network": network}
