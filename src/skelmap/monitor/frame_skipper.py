"""Even skipping of a camera's images when processing does not keep up with them."""

from math import ceil

SECONDS = 3.0
"""Time over which arrivals and processing are averaged."""
SPARE = 0.8
"""More images are processed again when that would take at most this share of the time."""


class FrameSkipper:
    """Chooses every n-th image of a camera, n so large that all chosen ones are processed at even intervals.

    Attributes:
        stride: n; 1 while processing keeps up.
    """

    def __init__(self) -> None:
        self.stride = 1
        self._arrived = self._arrived_before = 0
        self._since: float | None = None
        self._costs: list[float] = []

    def takes_next(self) -> bool:
        """Count an image that has arrived; say whether it is to be processed."""
        self._arrived += 1
        return self._arrived % self.stride == 0

    def update(self, time: float, cost: float) -> None:
        """Note a processed image, and adapt the stride now and then.

        Args:
            time: now, monotonic seconds.
            cost: seconds that its processing took.
        """
        if self._since is None:
            self._since, self._arrived_before = time, self._arrived
            return
        self._costs.append(cost)
        elapsed, arrived = time - self._since, self._arrived - self._arrived_before
        if elapsed < SECONDS or not arrived:
            return
        needed = sum(self._costs) / len(self._costs) / (elapsed / arrived)
        if needed > self.stride:
            self.stride = ceil(needed)
        elif needed <= SPARE * (self.stride - 1):
            self.stride = max(1, ceil(needed / SPARE))
        self._since, self._arrived_before = time, self._arrived
        self._costs.clear()

    @property
    def warning(self) -> str:
        """That images are skipped, in constant words while the stride lasts; empty if none are."""
        return f"too slow for all images: 1 of {self.stride} is processed" if self.stride > 1 else ""
