"""Three estimators of joint positions: without a map, from the nearest training map, and by a network.

Each takes the training poses and maps and returns (N, J, 2) positions for the test maps, source px from the neck.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from localisation.poses import Poses
from skelmap.models.networks import MapEncoder

Maps = NDArray[np.bool_]
Positions = NDArray[np.float32]
CHUNK = 512
"""Test maps processed at once."""
EPOCHS = 10
BATCH = 64
LEARNING_RATE = 1e-2
CHANNELS = (8, 16, 32)
"""Size and training of the network were chosen on the validation split of simulated data, once for all map sizes."""


def mean_position(train: Poses, train_maps: Maps, test_maps: Maps, seed: int) -> Positions:
    """Predict each joint's mean training position: the baseline that sees no map."""
    return np.broadcast_to(_mean_and_spread(train)[0], (len(test_maps), *train.position.shape[1:]))


def nearest_map(train: Poses, train_maps: Maps, test_maps: Maps, seed: int) -> Positions:
    """Copy each joint's position from the nearest training map in which the joint is detected.

    The distance is the number of differing pixels (Hamming distance); the first of equal distances counts. A joint
    that no training pose has is put at the neck.
    """
    flat = torch.from_numpy(train_maps.reshape(len(train_maps), -1)).float()
    white = flat.sum(dim=1)
    predicted: Positions = np.zeros((len(test_maps), *train.position.shape[1:]), np.float32)
    for begin in range(0, len(test_maps), CHUNK):
        chunk = torch.from_numpy(test_maps[begin : begin + CHUNK].reshape(-1, flat.shape[1])).float()
        distance = (white - 2 * chunk @ flat.T).numpy()  # Hamming distance less the test map's white pixels
        for joint, detected in enumerate(train.detected.T):
            rows = np.flatnonzero(detected)
            if len(rows):
                nearest = rows[distance[:, rows].argmin(axis=1)]
                predicted[begin : begin + CHUNK, joint] = train.position[nearest, joint]
    return predicted


def network(train: Poses, train_maps: Maps, test_maps: Maps, seed: int) -> Positions:
    """Regress the positions with the project's convolutional encoder and a linear layer.

    The loss is the mean distance of the detected joints in units of the training positions' spread; Adam with a
    one-cycle learning rate, the same number of epochs at every map size.
    """
    mean, spread = _mean_and_spread(train)
    target = torch.from_numpy((train.position - mean) / spread)
    detected, images = torch.from_numpy(train.detected), torch.from_numpy(train_maps)[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = MapEncoder(train_maps.shape[1], CHANNELS)
        model = nn.Sequential(
            encoder, nn.Linear(encoder.features, target[0].numel()), nn.Unflatten(1, target.shape[1:])
        )
        _fit(model, images, target, detected)
    model.eval()
    with torch.inference_mode():
        predicted = torch.cat([model(chunk.float()) for chunk in torch.from_numpy(test_maps)[:, None].split(CHUNK)])
    return predicted.numpy() * spread + mean


def _fit(model: nn.Module, images: Tensor, target: Tensor, detected: Tensor) -> None:
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, fused=True)
    batches = -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).chunk(batches):
            distance = (model(images[rows].float()) - target[rows]).square().sum(dim=-1).add(1e-6).sqrt()
            loss = (distance * detected[rows]).sum() / detected[rows].sum().clamp(min=1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def _mean_and_spread(train: Poses) -> tuple[Positions, np.float32]:
    """Mean position of each joint, (J, 2) px, and the root mean square distance of all joints from theirs, px."""
    count = train.detected.sum(axis=0)[:, None]
    mean = (train.position * train.detected[..., None]).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    square = np.square(train.position - mean)[train.detected].mean()
    return mean.astype(np.float32), np.float32(max(np.sqrt(square), 1))


METHODS = {"mean position": mean_position, "nearest map": nearest_map, "network": network}
