"""Soak test of the monitor: hours of a simulated, unreliable camera: `python scripts/soak.py RUN MANIFEST [--hours 2]`.

Runs as fast as possible. Clips of the manifest repeat; frames are dropped or have irregular times, zero or ten people
are in view, the camera is lost or frozen. Memory and latency are printed twelve times; they must not grow. A viewer of
the web page is connected all the time.
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
from numpy.typing import NDArray

from skelmap.evaluation.thresholds import ValidationScores
from skelmap.monitor.camera import DEFAULT_TIMING
from skelmap.monitor.event_log import EventLog
from skelmap.monitor.runner import Monitor
from skelmap.monitor.scorers import open_scorer
from skelmap.monitor.sinks import Sink
from skelmap.monitor.sources import PoseFrame, Source, SourceError
from skelmap.monitor.stream import FrameResult
from skelmap.monitor.video_writer import VideoSink
from skelmap.monitor.web.server import WebAddress, WebPage
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError

FPS = 30.0
REPORTS = 12
OUTAGE_FRAMES = round(30 * FPS)
"""Length of a lost or frozen camera."""
DROPPED, CROWD, EMPTY, LOST, FROZEN = 0.02, 0.0005, 0.0005, 0.0001, 0.0001
"""Probability per frame: dropped; start of five seconds with ten people; of four seconds with nobody; of a lost camera;
of a frozen one."""


class UnreliableCamera(Source):
    """Plays clips one after the other with simulated faults.

    Args:
        clips: their keypoints are repeated.
        hours: length of the stream.
        seed: of the faults.
    """

    def __init__(self, clips: list[Clip], hours: float, seed: int = 0) -> None:
        super().__init__("simulated camera", clips[0].layout, FPS)
        self.clips, self.frames, self.rng = clips, round(hours * 3600 * FPS), np.random.default_rng(seed)

    def __iter__(self) -> Iterator[PoseFrame | SourceError]:
        """Yield frames and errors."""
        poses = self._poses()
        number, crowd_until, empty_until, frozen_until, guests = 0, 0, 0, 0, 0
        while number < self.frames:
            number += 1
            time = number / FPS + self.rng.uniform(-0.004, 0.004)
            if number >= frozen_until:
                clip, keypoints = next(poses)
            elif frozen_until - number < OUTAGE_FRAMES - round(DEFAULT_TIMING.frozen * FPS):  # detected after a while
                yield SourceError(time, "the camera is frozen")
                continue
            random = self.rng.random(5)
            if random[0] < LOST:
                yield SourceError(time, "the camera is lost")
                number += OUTAGE_FRAMES
                continue
            if random[1] < CROWD:
                crowd_until, guests = number + round(5 * FPS), guests + 10
            if random[2] < EMPTY:
                empty_until = number + round(4 * FPS)
            if random[4] < FROZEN and number >= frozen_until:
                frozen_until = number + OUTAGE_FRAMES
            if random[3] < DROPPED:
                continue
            people = [keypoints] if number >= empty_until else []
            if number < crowd_until:
                shift = np.array([20, 0, 0], np.float32) * (keypoints[:, 2:] > 0)
                people += [keypoints + i * shift for i in range(1, 10)]
            person_ids = np.array([0, *range(guests, guests + 9)][: len(people)], np.int64)
            stacked = np.stack(people) if people else np.zeros((0, *keypoints.shape), np.float32)
            yield PoseFrame(number, time, clip.size, stacked, person_ids)

    def _poses(self) -> Iterator[tuple[Clip, NDArray[np.float32]]]:
        for clip in cycle(self.clips):
            for keypoints in clip.keypoints:
                yield clip, keypoints


class ResourceReport(Sink):
    """Prints memory and latency at an interval.

    Args:
        interval: seconds of the stream.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._latencies: list[float] = []
        self._next = 0.0

    def on_frame(self, result: FrameResult, latency_ms: float) -> None:
        """Print a line if it is due."""
        self._latencies.append(latency_ms)
        if result.frame.time >= self._next:
            self._next += self.interval
            median, p99 = np.quantile(self._latencies, [0.5, 0.99])
            print(f"{result.frame.time / 60:6.1f} min  {memory_mb():6.1f} MB  {median:5.2f} ms  p99 {p99:5.2f} ms")
            sys.stdout.flush()
            self._latencies.clear()


def memory_mb() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def read_stream(address: str, name: str) -> None:
    """Read the web page's stream of states, as a browser does, until it ends."""
    with urllib.request.urlopen(f"{address}api/cameras/{name}/stream") as stream:
        while stream.readline():
            pass


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run, or of an exported model")
    parser.add_argument("manifest", type=Path, metavar="MANIFEST", help="its test recordings are repeated")
    parser.add_argument("--hours", type=float, default=2.0, help="length of the stream (default 2)")
    parser.add_argument("--video", action="store_true", help="also write the video")
    parser.add_argument("--out", type=Path, default=Path("outputs/soak"), help="default outputs/soak")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    try:
        clips = [read_clip(recording.path, recording.clip) for recording in read_manifest(args.manifest).split("test")]
        validation = ValidationScores.read(args.run)
        rule = validation.rule(float(np.quantile(validation.score, 0.95)), 0.5, 2.0)
        page = WebPage(args.out, WebAddress(0), rule.on)
        threading.Thread(target=read_stream, args=[page.address, args.out.resolve().name], daemon=True).start()
        videos = [VideoSink(args.out, rule)] if args.video else []
        sinks = [EventLog(args.out, rule.on), page, *videos, ResourceReport(args.hours * 3600 / REPORTS)]
        Monitor(open_scorer(args.run), rule, sinks).run([UnreliableCamera(clips, args.hours)])
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
