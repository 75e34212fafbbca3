"""Hours of a simulated, troubled camera through a monitor: `python scripts/soak.py RUN MANIFEST [--hours 2]`.

As fast as it goes. Clips of the manifest follow each other; frames are dropped or come early or late, nobody or ten
people are in view, the camera is lost or frozen. Twelve times memory and latency are printed; they are to stay flat. A
viewer looks at the page all the while.
"""

import argparse
import logging
import resource
import sys
import threading
import urllib.request
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.app import open_scorer
from skelmap.monitor.camera import FROZEN
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.runner import Monitor
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import FrameResult
from skelmap.monitor.video_writer import VideoSink
from skelmap.monitor.web import WebPage
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError

FPS = 30.0
LINES = 12
DROPPED, CROWD, NOBODY, LOST, FREEZES = 0.02, 0.0005, 0.0005, 0.0001, 0.0001
"""Shares of frames: dropped; where ten people, or nobody, come for some seconds; where the camera is lost, or freezes,
for half a minute."""


class TroubledCamera(Source):
    """Clips one after the other, as a camera would see them on a bad day.

    Args:
        clips: what people do.
        hours: of the stream.
        seed: of the troubles.
    """

    def __init__(self, clips: list[Clip], hours: float, seed: int = 0) -> None:
        super().__init__("simulated camera", clips[0].layout, FPS)
        self.clips, self.frames, self.rng = clips, round(hours * 3600 * FPS), np.random.default_rng(seed)

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Give frames and troubles."""
        poses = self._poses()
        number, crowd_until, empty_until, frozen_until, guests = 0, 0, 0, 0, 0
        while number < self.frames:
            number += 1
            time = number / FPS + self.rng.uniform(-0.004, 0.004)
            if number >= frozen_until:
                clip, keypoints = next(poses)
            elif frozen_until - number < round((30 - FROZEN) * FPS):  # until then nobody can know
                yield SourceError(time, "the camera is frozen")
                continue
            luck = self.rng.random(5)
            if luck[0] < LOST:
                yield SourceError(time, "the camera is lost")
                number += round(30 * FPS)
                continue
            if luck[1] < CROWD:
                crowd_until, guests = number + round(5 * FPS), guests + 10
            if luck[2] < NOBODY:
                empty_until = number + round(4 * FPS)
            if luck[4] < FREEZES and number >= frozen_until:
                frozen_until = number + round(30 * FPS)
            if luck[3] < DROPPED:
                continue
            people = [keypoints] if number >= empty_until else []
            if number < crowd_until:
                beside = np.array([20, 0, 0], np.float32) * (keypoints[:, 2:] > 0)
                people += [keypoints + i * beside for i in range(1, 10)]
            names = [0, *range(guests, guests + 9)][: len(people)]
            stacked = np.stack(people) if people else np.zeros((0, *keypoints.shape), np.float32)
            yield PoseFrame(number, time, clip.size, stacked, np.array(names, np.int64))

    def _poses(self) -> Iterator[tuple[Clip, np.ndarray]]:
        for clip in cycle(self.clips):
            for keypoints in clip.keypoints:
                yield clip, keypoints


class Health(Sink):
    """Prints memory and latency from time to time.

    Args:
        every: seconds of the stream.
    """

    def __init__(self, every: float) -> None:
        self.every = every
        self._latencies: list[float] = []
        self._next = 0.0

    def frame(self, verdict: FrameResult, latency_ms: float) -> None:
        """Look at the watch."""
        self._latencies.append(latency_ms)
        if verdict.sight.time >= self._next:
            self._next += self.every
            median, p99 = np.quantile(self._latencies, [0.5, 0.99])
            print(f"{verdict.sight.time / 60:6.1f} min  {memory_mb():6.1f} MB  {median:5.2f} ms  p99 {p99:5.2f} ms")
            sys.stdout.flush()
            self._latencies.clear()


def memory_mb() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def look(address: str) -> None:
    """Be a browser that never looks away."""
    with urllib.request.urlopen(f"{address}stream") as stream:
        while stream.readline():
            pass


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run, or of an exported model")
    parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="whose test recordings follow each other")
    parser.add_argument("--hours", type=float, default=2.0, help="of the stream (default 2)")
    parser.add_argument("--film", action="store_true", help="make the film, too")
    parser.add_argument("--out", type=Path, default=Path("outputs/soak"), help="default outputs/soak")
    a = parser.parse_args()
    logging.disable(logging.WARNING)
    try:
        clips = [read_clip(r.path, r.clip) for r in read_manifest(a.manifest).split("test")]
        normal = ValidationScores.read(a.run)
        rule = normal.rule(float(np.quantile(normal.score, 0.95)), 0.5, 2.0)
        page = WebPage("127.0.0.1", 0)
        threading.Thread(target=look, args=[page.address], daemon=True).start()
        films = [VideoSink(a.out, rule)] if a.film else []
        listeners = [EventLog(a.out, rule.on), page, *films, Health(a.hours * 3600 / LINES)]
        Monitor(open_scorer(a.run), rule, listeners).run([TroubledCamera(clips, a.hours)])
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
