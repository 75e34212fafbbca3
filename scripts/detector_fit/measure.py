"""Measure the detector's numbers on real OpenPose BODY_25 output.

What the recording is (see docs/simulation.md): only the first frame of a clip is a fresh detection with its own
confidences; the others come from OpenPose's tracker, rounded to whole pixels, with confidence 1. So confidences are
measured on first frames, gaps and jitter on the tracked ones; of jitter they show the tracked, smoothed kind.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from skelmap.simulation.detector import GROUPS, STANDS_FOR
from skelmap.simulation.gait import FPS, Floats
from skelmap.skeletons.clip import Clip

WINDOW = 64
"""Frames of a spectrum, about two seconds."""
BAND = (5.0, 14.5)
"""Hz in which jitter is measured: voluntary movement lies mostly below 3 Hz, fast gestures reach 5; the spectrum's last
point, 15 Hz, is counted once, not twice, and left out."""
MEDIAN_OF_MEAN = float(np.log(2))
"""The median of a raw spectrum's point over its mean (it is exponentially distributed)."""
QUIET = 0.5
"""Share of windows, the stillest, in which the spectrum is measured."""
FROZEN = 0.8
"""A window in which more frames than this repeat the last position tells nothing: the tracker stood still."""
LONGEST_MEMORY = 0.80
"""Above this correlation from frame to frame a spectrum looks the same within BAND: slower wandering of a detected
joint cannot be told from movement of the person, and is left out."""
TURNED = 0.8
"""The head is turned enough to hide an ear when the nose is this many eye distances off the middle of the eyes."""
MEASURED = [group for group in GROUPS if group not in STANDS_FOR]

Spectra = dict[str, Floats]


def trunk_length(keypoints: NDArray[np.floating]) -> float:
    """Median distance from neck to mid-hip in px, over frames with both."""
    both = (keypoints[:, 1, 2] > 0) & (keypoints[:, 8, 2] > 0)
    return (
        float(np.median(np.linalg.norm(keypoints[both, 1, :2] - keypoints[both, 8, :2], axis=1))) if both.any() else 0.0
    )


def jitter_spectra(clips: Iterable[Clip]) -> tuple[Floats, Spectra, float]:
    """Power spectrum of each group of joints in its stillest windows, by the median over windows.

    Args:
        clips: real or simulated.

    Returns:
        Frequencies, Hz; per group the spectrum in trunk lengths squared per Hz; the median trunk length, px.
    """
    windows: dict[str, list[Floats]] = {group: [] for group in GROUPS}
    trunks: list[float] = []
    frequency = np.arange(WINDOW // 2 + 1) * FPS / WINDOW
    for clip in clips:
        keypoints = clip.keypoints.astype(np.float64)
        trunk = trunk_length(keypoints)
        if trunk <= 0 or len(keypoints) < WINDOW:
            continue
        trunks.append(trunk)
        for group, joints in GROUPS.items():
            for joint in joints:
                for start in range(1, len(keypoints) - WINDOW, WINDOW // 2):
                    part = keypoints[start : start + WINDOW, joint]
                    repeats = np.mean(np.all(np.diff(part[:, :2], axis=0) == 0, axis=1))
                    if np.all(part[:, 2] > 0) and repeats < FROZEN:
                        power = welch(part[:, :2] / trunk, clip.fps, nperseg=WINDOW, detrend="linear", axis=0)[1]
                        windows[group] += [power[:, 0], power[:, 1]]
    spectra: Spectra = {}
    for group, powers in windows.items():
        if len(powers) >= 20:
            stack = np.array(powers)
            slow = stack[:, (frequency > 0) & (frequency < BAND[0])].sum(axis=1)
            spectra[group] = np.median(stack[slow <= np.quantile(slow, QUIET)], axis=0) / MEDIAN_OF_MEAN
    return frequency, spectra, float(np.median(trunks)) if trunks else 0.0


def fit_jitter(frequency: Floats, spectrum: Floats) -> tuple[float, float]:
    """Fit a first-order autoregression to a spectrum by least squares of its logarithm.

    Returns:
        Standard deviation in trunk lengths, and correlation from frame to frame.
    """
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    best = (np.inf, 0.0, 0.0)
    for memory in np.linspace(0.0, LONGEST_MEMORY, 81):
        for sigma in np.geomspace(2e-4, 2e-2, 120):
            error = np.log(model_spectrum(frequency[band], sigma, memory) / np.maximum(spectrum[band], 1e-12))
            best = min(best, (float(np.mean(error**2)), float(sigma), float(memory)))
    return best[1], best[2]


def model_spectrum(frequency: Floats, sigma: float, memory: float, fps: float = 30.0) -> Floats:
    """One-sided spectrum of the jitter model, trunk lengths squared per Hz."""
    angle = 2 * np.pi * frequency / fps
    jitter = sigma**2 * (1 - memory**2) / (1 + memory**2 - 2 * memory * np.cos(angle))
    result: Floats = jitter * 2 / fps
    return result


def gap_numbers(clips: Iterable[Clip]) -> dict[str, tuple[float, float]]:
    """Per group: how often a frame begins a gap, and a gap's mean length in frames; ears only while not turned."""
    starts = dict.fromkeys(GROUPS, 0)
    lengths: dict[str, list[int]] = {group: [] for group in GROUPS}
    frames = dict.fromkeys(GROUPS, 0)
    for clip in clips:
        keypoints = clip.keypoints[clip.present]  # losses of the whole person are counted elsewhere
        turned = head_turn(keypoints)
        for group in MEASURED:
            for joint in GROUPS[group]:
                seen = keypoints[:, joint, 2] > 0
                edges = np.flatnonzero(np.diff(np.concatenate([[1], seen, [1]]).astype(np.int8)))
                frames[group] += len(seen)
                for first, stop in edges.reshape(-1, 2):
                    if group == "ear" and np.nanmax(np.abs(turned[first:stop]), initial=0.0) > TURNED / 2:
                        continue
                    starts[group] += 1
                    lengths[group].append(int(stop - first))
    return {
        group: (starts[group] / frames[group], float(np.mean(lengths[group])) if lengths[group] else 1.0)
        for group in MEASURED
        if frames[group]
    }


def head_turn(keypoints: NDArray[np.floating]) -> Floats:
    """(N,) how far the nose is off the middle of the eyes, in eye distances, positive to the right; NaN unknown."""
    seen = np.all(keypoints[:, [0, 15, 16], 2] > 0, axis=1)
    eyes = np.linalg.norm(keypoints[:, 16, :2] - keypoints[:, 15, :2], axis=1)
    middle = (keypoints[:, 15, 0] + keypoints[:, 16, 0]) / 2
    result: Floats = np.where(seen & (eyes > 2), (keypoints[:, 0, 0] - middle) / np.maximum(eyes, 2), np.nan)
    return result


def hidden_ears(clips: Iterable[Clip]) -> tuple[float, int]:
    """Share of frames in which the ear on the far side of a turned head is missing, and how many frames tell it."""
    missing = frames = 0
    for clip in clips:
        turn = np.nan_to_num(head_turn(clip.keypoints))
        for ear, side in ((17, -1.0), (18, 1.0)):  # a nose off to the picture's left hides the right ear
            far = turn * side > TURNED
            frames += int(far.sum())
            missing += int(np.sum(clip.keypoints[far, ear, 2] <= 0))
    return missing / max(frames, 1), frames


def proportions(clips: Iterable[Clip]) -> dict[str, list[float]]:
    """Quartiles over clips of shoulder and hip distance in trunk lengths, as the picture shows them."""
    ratios: dict[str, list[float]] = {"shoulders": [], "hips": []}
    for clip in clips:
        for name, (a, b) in (("shoulders", (2, 5)), ("hips", (9, 12))):
            span = np.linalg.norm(clip.keypoints[:, a, :2] - clip.keypoints[:, b, :2], axis=1)
            ratios[name].append(float(np.median(span)) / max(trunk_length(clip.keypoints), 1e-9))
    return {name: [round(float(q), 3) for q in np.quantile(v, (0.25, 0.5, 0.75))] for name, v in ratios.items()}


def first_confidences(clips: Iterable[Clip]) -> dict[str, Floats]:
    """Per group: the confidences of joints found in first frames."""
    found: dict[str, list[float]] = {group: [] for group in GROUPS}
    for clip in clips:
        for group, joints in GROUPS.items():
            found[group] += [float(c) for c in clip.keypoints[0, list(joints), 2] if c > 0]
    return {group: np.array(values) for group, values in found.items() if values}
