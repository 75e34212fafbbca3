"""Fit the simulated pose detector to real OpenPose output: `python scripts/fit_detector.py DATA_FOLDER`.

DATA_FOLDER holds `clips/*.npz` (BODY_25). Writes the fitted parameters, aggregates only, to
src/skelmap/simulation/detector.json. `scripts/draw_simulation.py --real DATA_FOLDER` compares simulated and real.

In the recording that was used (docs/lab/simulation.md) only the first frame of a clip is a fresh detection with its own
confidences; the others come from OpenPose's tracker, rounded to whole pixels, with confidence 1. So confidences are
measured on first frames, gaps and jitter on the tracked ones; the jitter is that of tracked, smoothed joints.
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from skelmap.simulation.detector import JOINT_GROUPS, SUBSTITUTES
from skelmap.simulation.motion import FPS, Floats
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.readers import read_clip

TARGET = Path(__file__).parents[1] / "src/skelmap/simulation/detector.json"
SPECTRUM_FRAMES = 64
"""Window length of a spectrum, frames, about two seconds."""
BAND = (5.0, 14.5)
"""Frequency range of the jitter, Hz: voluntary movement lies mostly below 3 Hz, fast gestures reach 5; the spectrum's
last point, 15 Hz, has half the weight of the others and is left out."""
MEDIAN_OVER_MEAN = float(np.log(2))
"""Median over mean of a periodogram's values, which are exponentially distributed."""
STILL_FRACTION = 0.5
"""Fraction of windows, those with the least movement, in which the spectrum is measured."""
MAX_REPEATS = 0.8
"""Windows in which a larger fraction of frames repeats the last position are left out: the tracker stood still."""
MAX_CORRELATION = 0.80
"""Largest fitted autocorrelation: above it spectra look the same within BAND; slow wandering of a detected joint
cannot be distinguished from movement of the person."""
TURNED = 0.8
"""A head is turned enough to occlude an ear when the nose is this many eye distances off the middle of the eyes."""
MEASURED = [group for group in JOINT_GROUPS if group not in SUBSTITUTES]


def main() -> None:
    """Read the clips, fit the parameters, write and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with clips/*.npz of real OpenPose BODY_25 output")
    parser.add_argument("--out", type=Path, default=TARGET, help="output file (the package's detector.json)")
    arguments = parser.parse_args()
    clips = [read_clip(path, path.stem) for path in sorted((arguments.folder / "clips").glob("*.npz"))]
    if not clips:
        parser.error(f"{arguments.folder / 'clips'} holds no *.npz")
    content = json.dumps(fit(clips), indent=2) + "\n"
    arguments.out.write_text(content, encoding="utf-8")
    print(content, end="")


def fit(clips: list[Clip]) -> dict[str, object]:
    """Measure every parameter that the simulated detector takes from real output."""
    frequency, spectra, trunk = jitter_spectra(clips)
    gaps, confidences = gap_statistics(clips), first_confidences(clips)
    ear_miss_rate, ear_frames = occluded_ears(clips)
    joints, frames = {}, sum(map(len, clips))
    for group in MEASURED:
        sigma, correlation = fit_jitter(frequency, spectra[group])
        joints[group] = {
            "jitter_sigma": round(sigma, 5),
            "jitter_correlation": round(correlation, 3),
            "confidence_mean": round(float(np.mean(confidences[group])), 3),
            "confidence_std": round(float(np.std(confidences[group])), 3),
            "gap_rate": round(gaps[group][0], 6),
            "gap_frames": round(gaps[group][1], 2),
        }
    return {
        "fitted_to": f"real OpenPose BODY_25 output, 640x480, 30 fps: {len(clips)} clips, {frames} frames",
        "trunk_px": round(trunk, 1),
        "proportions": proportions(clips),
        "joints": joints,
        "occluded": {
            "ear_miss_rate": round(ear_miss_rate, 3),
            "ear_frames": ear_frames,
            "self_confidence": round(float(np.quantile(confidences["ear"], 0.05)), 3),
            "edge_confidence": round(float(np.mean(confidences["knee"])), 3),
        },
    }


def trunk_length(keypoints: NDArray[np.floating]) -> float:
    """Median distance from neck to mid-hip, px, over frames (N, 25, 3) with both; 0 without any."""
    both = (keypoints[:, 1, 2] > 0) & (keypoints[:, 8, 2] > 0)
    if not both.any():
        return 0.0
    return float(np.median(np.linalg.norm(keypoints[both, 1, :2] - keypoints[both, 8, :2], axis=1)))


def jitter_spectra(clips: Iterable[Clip]) -> tuple[Floats, dict[str, Floats], float]:
    """Power spectrum of each group of joints in its stillest windows, by the median over windows.

    Args:
        clips: real or simulated clips of one person each.

    Returns:
        Frequencies, Hz; per group the spectrum in trunk lengths squared per Hz; the median trunk length, px.
    """
    windows: dict[str, list[Floats]] = {group: [] for group in JOINT_GROUPS}
    trunks: list[float] = []
    frequency = np.arange(SPECTRUM_FRAMES // 2 + 1) * FPS / SPECTRUM_FRAMES
    for clip in clips:
        keypoints = clip.keypoints.astype(np.float64)
        trunk = trunk_length(keypoints)
        if trunk <= 0 or len(keypoints) < SPECTRUM_FRAMES:
            continue
        trunks.append(trunk)
        for group, joints in JOINT_GROUPS.items():
            for joint in joints:
                windows[group] += _periodograms(keypoints[:, joint], trunk, clip.fps)
    spectra: dict[str, Floats] = {}
    for group, powers in windows.items():
        if len(powers) >= 20:
            stack = np.array(powers)
            slow = stack[:, (frequency > 0) & (frequency < BAND[0])].sum(axis=1)
            spectra[group] = np.median(stack[slow <= np.quantile(slow, STILL_FRACTION)], axis=0) / MEDIAN_OVER_MEAN
    return frequency, spectra, float(np.median(trunks)) if trunks else 0.0


def _periodograms(joint: Floats, trunk: float, fps: float) -> list[Floats]:
    """Spectra of x and y of one joint (N, 3) in every half-overlapping window without gaps or repeats."""
    spectra: list[Floats] = []
    for start in range(1, len(joint) - SPECTRUM_FRAMES, SPECTRUM_FRAMES // 2):
        window = joint[start : start + SPECTRUM_FRAMES]
        repeats = np.mean(np.all(np.diff(window[:, :2], axis=0) == 0, axis=1))
        if np.all(window[:, 2] > 0) and repeats < MAX_REPEATS:
            power = welch(window[:, :2] / trunk, fps, nperseg=SPECTRUM_FRAMES, detrend="linear", axis=0)[1]
            spectra += [power[:, 0], power[:, 1]]
    return spectra


def fit_jitter(frequency: Floats, spectrum: Floats) -> tuple[float, float]:
    """Fit a first-order autoregression to a spectrum by least squares of its logarithm, by grid search.

    Returns:
        Standard deviation, trunk lengths, and lag-1 autocorrelation.
    """
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    best = (np.inf, 0.0, 0.0)
    for correlation in np.linspace(0.0, MAX_CORRELATION, 81):
        for sigma in np.geomspace(2e-4, 2e-2, 120):
            error = np.log(jitter_spectrum(frequency[band], sigma, correlation) / np.maximum(spectrum[band], 1e-12))
            best = min(best, (float(np.mean(error**2)), float(sigma), float(correlation)))
    return best[1], best[2]


def jitter_spectrum(frequency: Floats, sigma: float, correlation: float, fps: float = FPS) -> Floats:
    """One-sided spectrum of the simulated jitter, trunk lengths squared per Hz."""
    angle = 2 * np.pi * frequency / fps
    power = sigma**2 * (1 - correlation**2) / (1 + correlation**2 - 2 * correlation * np.cos(angle))
    result: Floats = power * 2 / fps
    return result


def gap_statistics(clips: Iterable[Clip]) -> dict[str, tuple[float, float]]:
    """Per group: probability per frame that a gap begins, and mean gap length, frames; ears only in a frontal view."""
    starts = dict.fromkeys(JOINT_GROUPS, 0)
    lengths: dict[str, list[int]] = {group: [] for group in JOINT_GROUPS}
    frames = dict.fromkeys(JOINT_GROUPS, 0)
    for clip in clips:
        keypoints = clip.keypoints[clip.present]  # losses of the whole person are not gaps of a joint
        turn = head_turn(keypoints)
        for group in MEASURED:
            for joint in JOINT_GROUPS[group]:
                found = keypoints[:, joint, 2] > 0
                edges = np.flatnonzero(np.diff(np.concatenate([[1], found, [1]]).astype(np.int8)))
                frames[group] += len(found)
                for first, stop in edges.reshape(-1, 2):
                    if group == "ear" and np.nanmax(np.abs(turn[first:stop]), initial=0.0) > TURNED / 2:
                        continue
                    starts[group] += 1
                    lengths[group].append(int(stop - first))
    return {
        group: (starts[group] / frames[group], float(np.mean(lengths[group])) if lengths[group] else 1.0)
        for group in MEASURED
        if frames[group]
    }


def head_turn(keypoints: NDArray[np.floating]) -> Floats:
    """Offset (N,) of the nose from the middle of the eyes, eye distances, to the image's right; NaN where unknown."""
    found = np.all(keypoints[:, [0, 15, 16], 2] > 0, axis=1)
    eyes = np.linalg.norm(keypoints[:, 16, :2] - keypoints[:, 15, :2], axis=1)
    middle = (keypoints[:, 15, 0] + keypoints[:, 16, 0]) / 2
    result: Floats = np.where(found & (eyes > 2), (keypoints[:, 0, 0] - middle) / np.maximum(eyes, 2), np.nan)
    return result


def occluded_ears(clips: Iterable[Clip]) -> tuple[float, int]:
    """Fraction of frames in which the ear on the far side of a turned head is missing, and the number of frames."""
    missing = frames = 0
    for clip in clips:
        turn = np.nan_to_num(head_turn(clip.keypoints))
        for ear, side in ((17, -1.0), (18, 1.0)):  # a nose off to the image's left occludes the right ear
            far = turn * side > TURNED
            frames += int(far.sum())
            missing += int(np.sum(clip.keypoints[far, ear, 2] <= 0))
    return missing / max(frames, 1), frames


def proportions(clips: Iterable[Clip]) -> dict[str, list[float]]:
    """Quartiles over clips of shoulder and hip distance in the image, trunk lengths."""
    ratios: dict[str, list[float]] = {"shoulders": [], "hips": []}
    for clip in clips:
        for name, (a, b) in (("shoulders", (2, 5)), ("hips", (9, 12))):
            width = np.linalg.norm(clip.keypoints[:, a, :2] - clip.keypoints[:, b, :2], axis=1)
            ratios[name].append(float(np.median(width)) / max(trunk_length(clip.keypoints), 1e-9))
    return {name: [round(float(q), 3) for q in np.quantile(v, (0.25, 0.5, 0.75))] for name, v in ratios.items()}


def first_confidences(clips: Iterable[Clip]) -> dict[str, Floats]:
    """Per group: confidences of the joints found in the first frames."""
    found: dict[str, list[float]] = {group: [] for group in JOINT_GROUPS}
    for clip in clips:
        for group, joints in JOINT_GROUPS.items():
            found[group] += [float(c) for c in clip.keypoints[0, list(joints), 2] if c > 0]
    return {group: np.array(values) for group, values in found.items() if values}


if __name__ == "__main__":
    main()
