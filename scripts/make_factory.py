"""Write the simulated factory: `python scripts/make_factory.py --out data/factory`."""

import argparse
import sys
from pathlib import Path

from skelmap.simulation.camera import Camera
from skelmap.simulation.dataset import PRESETS, simulate_dataset
from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for manifest.csv and clips/")
    parser.add_argument("--preset", default="paper", choices=PRESETS, help="what to record")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--workers", type=int, default=20, help="preset large: number of workers")
    parser.add_argument("--minutes", type=float, default=10.0, help="preset large: recorded of each worker")
    parser.add_argument("--camera-height", type=float, default=Camera.height, help="m above the floor")
    parser.add_argument("--camera-pitch", type=float, default=Camera.pitch, help="degrees below the horizon")
    parser.add_argument("--camera-focal", type=float, default=Camera.focal, help="focal length, px")
    a = parser.parse_args()
    try:
        camera = Camera(height=a.camera_height, pitch=a.camera_pitch, focal=a.camera_focal)
        size = {"workers": a.workers, "minutes": a.minutes}
        print(simulate_dataset(a.out, a.preset, a.seed, **size, camera=camera, progress=sys.stderr.isatty()))
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
