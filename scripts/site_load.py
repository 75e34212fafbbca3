"""Measure how many cameras a machine takes: `python scripts/site_load.py RUN CLIP.npz --cameras 1 2 4 8 --rate 15`.

Each camera is a process of `skelmap site` that follows a folder; this script writes the recorded poses of a clip into
all folders at the rate. Printed for each number of cameras: frames processed of those written, the median latency from
a frame to its result as heartbeat.json says, CPU time of the monitors, their memory.
"""

import argparse
import itertools
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from skelmap.monitor.sinks import HEARTBEAT_SECONDS
from skelmap.simulation.render import export_openpose_json
from skelmap.skeletons.readers import read_clip


def main() -> None:
    """Measure each number of cameras."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run or an exported model")
    parser.add_argument("clip", type=Path, help="recorded poses, .npz")
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rate", type=float, default=15.0, help="frames per second of each camera")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a measurement")
    a = parser.parse_args()
    print("cameras  processed  latency ms  CPU of a core  MB each")
    for number in a.cameras:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(Path(folder), a.run.absolute(), a.clip, number, a.rate, a.seconds)
        print(f"{number:7}  {row['processed']:9.1%}  {row['latency']:10.1f}  {row['cpu']:13.2f}  {row['mb']:7.0f}")


def measure(folder: Path, run: Path, clip: Path, number: int, rate: float, seconds: float) -> dict[str, float]:
    """Run a site of followed folders, feed it, and measure."""
    recording = read_clip(clip, clip.stem)
    export_openpose_json(recording, folder / "poses")
    poses = [path.read_bytes() for path in sorted((folder / "poses").iterdir())]
    names = [f"camera{i}" for i in range(number)]
    for name in names:
        (folder / name).mkdir()
    defaults = {"checkpoint": str(run), "threshold": 1e6, "save_video": False, "follow": True}
    pose_format = {"layout": recording.layout.name, "size": list(recording.size), "fps": rate}
    cameras = {name: {"source": str(folder / name)} for name in names}
    content = {"output": str(folder / "out"), "defaults": {**defaults, "pose_format": pose_format}, "cameras": cameras}
    (folder / "site.yaml").write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "skelmap", "site", str(folder / "site.yaml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as site:
        try:
            written = _feed(folder, names, poses, rate, 5.0)  # until all have started
            while not all(_beats(folder, name).get("frames", 0) > 0.9 * written for name in names):
                written += _feed(folder, names, poses, rate, 1.0, written)
            time.sleep(HEARTBEAT_SECONDS + 1)  # the count of frames is complete
            monitors = psutil.Process(site.pid).children()
            before, cpu = [_beats(folder, name)["frames"] for name in names], _cpu(monitors)
            first, start = written, time.monotonic()
            written += _feed(folder, names, poses, rate, seconds, written)
            used, elapsed = _cpu(monitors) - cpu, time.monotonic() - start
            time.sleep(HEARTBEAT_SECONDS + 1)
            beats = [_beats(folder, name) for name in names]
            memory = sum(monitor.memory_info().rss for monitor in monitors) / 1e6 / number
        finally:
            site.send_signal(signal.SIGTERM)
    done = sum(beat["frames"] - count for beat, count in zip(beats, before, strict=True))
    latency = sorted(beat["latency_ms"] or 0.0 for beat in beats)[number // 2]
    return {"processed": done / ((written - first) * number), "latency": latency, "cpu": used / elapsed, "mb": memory}


def _feed(folder: Path, names: list[str], poses: list[bytes], rate: float, seconds: float, first: int = 0) -> int:
    """Write frames into all folders for a time; return how many in each."""
    start = time.monotonic()
    for count in itertools.count():
        if count / rate >= seconds:
            return count
        time.sleep(max(0.0, start + count / rate - time.monotonic()))
        for name in names:
            partial = folder / name / "partial"
            partial.write_bytes(poses[(first + count) % len(poses)])
            partial.rename(folder / name / f"cam_{first + count:012d}_keypoints.json")
    raise AssertionError


def _beats(folder: Path, name: str) -> dict[str, float]:
    """Content of a camera's heartbeat; empty before it has processed a frame."""
    path = folder / "out" / name / "heartbeat.json"
    beat: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return beat if beat.get("frames") else {}


def _cpu(processes: list[psutil.Process]) -> float:
    """CPU seconds that processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


if __name__ == "__main__":
    main()
