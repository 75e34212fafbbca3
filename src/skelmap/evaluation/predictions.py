"""What a model says of the test split."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's scores of the test windows, in any order.

    Attributes:
        start: (W,) int64 first row of each window. For `window = seq_len` these are the `starts` of the test
            rows (`skelmap.data.JudgedRows`), for `window = 1` the rows that these windows cover.
        score: (W,) floating, higher = more abnormal, any finite values.
        latent: (W, J) mu of each window, or None where a model has no latents.
        window: rows a window holds: T for a sequence model, 1 for a frame model.
    """

    start: Tensor
    score: Tensor
    latent: Tensor | None
    window: int
