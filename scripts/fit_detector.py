"""Fit the simulated detector to real OpenPose output: `python scripts/fit_detector.py DATA_FOLDER`.

DATA_FOLDER holds `clips/*.npz` (BODY_25). Writes the fitted numbers, aggregates only, to
src/skelmap/simulation/detector.json. `scripts/draw_factory.py --real DATA_FOLDER` draws simulated beside real.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from detector_fit.measure import (
    MEASURED,
    first_confidences,
    fit_jitter,
    gap_numbers,
    hidden_ears,
    jitter_spectra,
    proportions,
)
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.readers import read_clip

TARGET = Path(__file__).parents[1] / "src/skelmap/simulation/detector.json"


def main() -> None:
    """Read the clips, fit, write and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with clips/*.npz of real OpenPose BODY_25 output")
    parser.add_argument("--out", type=Path, default=TARGET, help="where the fitted numbers go")
    arguments = parser.parse_args()
    clips = [read_clip(path, path.stem) for path in sorted((arguments.folder / "clips").glob("*.npz"))]
    content = fit(clips)
    arguments.out.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(content, indent=2))


def fit(clips: list[Clip]) -> dict[str, object]:
    """Measure everything the simulated detector takes from real output."""
    frequency, spectra, trunk = jitter_spectra(clips)
    gaps, confidences = gap_numbers(clips), first_confidences(clips)
    ear_drop, ear_frames = hidden_ears(clips)
    joints, frames = {}, sum(map(len, clips))
    for group in MEASURED:
        sigma, memory = fit_jitter(frequency, spectra[group])
        joints[group] = {
            "sigma": round(sigma, 5),
            "memory": round(memory, 3),
            "confidence": round(float(np.mean(confidences[group])), 3),
            "spread": round(float(np.std(confidences[group])), 3),
            "gap_rate": round(gaps[group][0], 6),
            "gap_frames": round(gaps[group][1], 2),
        }
    return {
        "fitted_to": f"real OpenPose BODY_25 output, 640x480, 30 fps: {len(clips)} clips, {frames} frames",
        "trunk_px": round(trunk, 1),
        "proportions": proportions(clips),
        "joints": joints,
        "hidden": {
            "ear_drop": round(ear_drop, 3),
            "ear_frames": ear_frames,
            "self_confidence": round(float(np.quantile(confidences["ear"], 0.05)), 3),
            "edge_confidence": round(float(np.mean(confidences["knee"])), 3),
        },
    }


if __name__ == "__main__":
    main()
