"""Draw the figures of docs/lab/simulation.md: `python scripts/draw_simulation.py --out docs/img [--real DATA_FOLDER]`.

With --real, a folder with clips/*.npz of real OpenPose BODY_25 output, it also compares the simulated detector with it.
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from fit_detector import BAND, MEASURED, first_confidences, gap_statistics, jitter_spectra
from skelmap.evaluation.plots.style import CYCLE, FAINT, GREY, NORMAL, STYLE, new_figure, png
from skelmap.simulation.actions import perform_action
from skelmap.simulation.body import sample_worker
from skelmap.simulation.camera import Camera
from skelmap.simulation.dataset import detect_clip, large_clips
from skelmap.simulation.detector import JOINT_GROUPS, detect, load_parameters
from skelmap.simulation.footsteps import foot_trajectories
from skelmap.simulation.gait import RUN, WALK
from skelmap.simulation.inverse_kinematics import solve_joints
from skelmap.simulation.motion import FPS, Floats
from skelmap.simulation.motion_builder import MotionBuilder
from skelmap.simulation.occlusion import Occluder
from skelmap.simulation.posture import solve_trunk
from skelmap.simulation.recording import ABNORMAL_VARIANTS, NORMAL_VARIANTS, ActionVariant, simulate_motion
from skelmap.simulation.render import ABNORMAL, BACKGROUND, Image, draw_skeleton
from skelmap.simulation.timeline import Timeline
from skelmap.simulation.workshop import build_workshop, place_occluders
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip

TILES, TILE = 9, 150
"""Images per action, and their side, px."""
FURNITURE = (110, 110, 60)
PUBLISHED = (0, (4, 3))
"""Line style of published curves."""


def main() -> None:
    """Draw all figures and print the detector's parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--real", type=Path, help="folder with clips/*.npz of real OpenPose BODY_25 output")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    draw_actions(a.out / "simulated_actions.png")
    draw_gait(a.out / "simulated_gait.png")
    if a.real:
        real = [read_clip(p, p.stem) for p in sorted((a.real / "clips").glob("*.npz"))]
        draw_detector(a.out / "simulated_detector.png", real)
    print("simulated jitter_sigma, trunk lengths:", np.round(load_parameters().jitter_sigma, 4).tolist())
    found = dict(zip(BODY_25.joints, np.round(found_fraction(), 2).tolist(), strict=True))
    print("simulated fraction of frames in which a joint is found:", found)


def draw_actions(path: Path) -> None:
    """Draw every action in nine images, the normal variant above the abnormal."""
    variants = sorted(
        (*NORMAL_VARIANTS, *ABNORMAL_VARIANTS), key=lambda v: (ABNORMAL_VARIANTS.index((v[0], True)), v[1])
    )
    sheet = np.vstack([_action_row(variant, seed) for seed, variant in enumerate(variants, start=3)])
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _action_row(variant: ActionVariant, seed: int) -> Image:
    """One action: true joints and furniture in the camera's view; red border = abnormal."""
    rng = np.random.default_rng(seed)
    worker, workshop, camera = sample_worker(rng), build_workshop(rng), Camera()
    motion = MotionBuilder(worker, workshop, rng, Timeline((0.2, 3.9), -1.2))
    motion.timeline.wait(0.2)
    perform_action(motion, *variant)
    joints, _, heading = simulate_motion(motion.timeline, worker, rng)
    occluders = place_occluders(workshop, joints, heading)
    points = camera.project(joints)[0]
    tiles = []
    for i in np.linspace(0.12, 0.97, TILES) * (len(joints) - 1):
        frame = int(i)
        abnormal = any(start <= frame / FPS < stop for start, stop in motion.abnormal)
        tiles.append(_tile(points[frame], occluders, frame, camera, abnormal))
    row = np.hstack(tiles)
    title = f"{variant[0]}, {'abnormal' if variant[1] else 'normal'}"
    cv2.putText(row, title, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (220, 220, 220), 1, cv2.LINE_AA)
    return row


def _tile(points: Floats, occluders: tuple[Occluder, ...], frame: int, camera: Camera, abnormal: bool) -> Image:
    canvas = np.full((camera.image_height, camera.image_width, 3), BACKGROUND, np.uint8)
    for occluder in occluders:
        _outline(canvas, occluder, frame, camera)
    draw_skeleton(canvas, np.concatenate([points, np.ones((25, 1))], axis=1), BODY_25.limbs, BODY_25.joints, 1.0)
    x = int(np.clip(points[8, 0] - 150, 0, camera.image_width - 300))
    y = int(np.clip(points[8, 1] - 150, 0, camera.image_height - 300))
    tile = cv2.resize(canvas[y : y + 300, x : x + 300], (TILE, TILE), interpolation=cv2.INTER_AREA)
    if abnormal:
        cv2.rectangle(tile, (1, 1), (TILE - 2, TILE - 2), ABNORMAL, 2)
    return np.asarray(tile, np.uint8)


def _outline(canvas: Image, occluder: Occluder, frame: int, camera: Camera) -> None:
    """Draw the edges of a box."""
    c, s = np.cos(occluder.yaw[frame]), np.sin(occluder.yaw[frame])
    axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) * np.array(occluder.size)[:, None] / 2
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    corners = camera.project(occluder.centre[frame] + signs @ axes)[0]
    for i in range(8):
        for j in range(i):
            if np.sum(signs[i] != signs[j]) == 1:
                ends = [(round(float(p[0])), round(float(p[1]))) for p in (corners[i], corners[j])]
                cv2.line(canvas, ends[0], ends[1], FURNITURE, 1, cv2.LINE_AA)


@mpl.rc_context(STYLE)
def draw_gait(path: Path) -> None:
    """Draw simulated thigh, knee and foot angles over the published curves."""
    figure = new_figure(9, 4.8)
    axes = figure.subplots(2, 3, sharex=True)
    phase = np.linspace(0, 1, 51)
    for row, (gait, speed, running, name) in enumerate(((WALK, 1.3, False, "walking"), (RUN, 2.5, True, "running"))):
        strides = _stride_angles(speed, running)
        thigh, knee, _ = gait.joint_angles(phase)
        for k, (joint, curve) in enumerate((("thigh", thigh), ("knee", knee), ("foot", gait.foot_pitch(phase)))):
            ax = axes[row, k]
            ax.plot(100 * phase, curve, color=GREY, linestyle=PUBLISHED, linewidth=1.2)
            for stride in strides:
                ax.plot(100 * phase, stride[k], color=NORMAL, alpha=0.35, linewidth=1)
            ax.set_title(f"{joint}, {name} at {speed} m/s")
            ax.grid(color=FAINT, linewidth=0.5)
            ax.set_ylabel("degrees" if k == 0 else "")
            ax.set_xlabel("% of the stride" if row == 1 else "")
    handles = [
        Line2D([], [], color=NORMAL, label="simulated strides"),
        Line2D([], [], color=GREY, linestyle=PUBLISHED, label="published mean"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    path.write_bytes(png(figure))


def _stride_angles(speed: float, running: bool) -> list[Floats]:
    """Thigh, knee and foot angle, degrees, of each right stride of a straight path: (3, 51)."""
    timeline = Timeline((0.0, 0.0), 0.0)
    timeline.wait(0.3)
    timeline.follow_path([(16.0, 0.0)], 0.0, speed, running)
    body, worker = timeline.sample(), sample_worker(np.random.default_rng(1))
    feet = foot_trajectories(body.pelvis_xy, body.heading, body.running, worker)
    trunk = solve_trunk(body, feet, worker)
    joints = solve_joints(trunk, feet, trunk.shoulders - np.array([0, 0, 0.4]), worker)
    thigh, shank = joints[:, 10] - joints[:, 9], joints[:, 11] - joints[:, 10]
    upper, lower = (np.rad2deg(np.arctan2(v[:, 0], -v[:, 2])) for v in (thigh, shank))
    angles = (upper, upper - lower, np.rad2deg(feet.pitch[:, 0]))
    strikes = [step.heel_strike for step in feet.steps if step.foot == 0][3:-3]
    time, phase = np.arange(len(upper)) / FPS, np.linspace(0, 1, 51)
    return [np.array([np.interp(a + (b - a) * phase, time, angle) for angle in angles]) for a, b in pairwise(strikes)]


def draw_detector(path: Path, real: list[Clip]) -> None:
    """Draw jitter spectra, confidences and gaps of real and simulated detections; print them as a Markdown table."""
    simulated = [_still_person(n) for n in range(40)]
    frequency, real_spectra, _ = jitter_spectra(real)
    spectra = (real_spectra, jitter_spectra(simulated)[1])
    confidences = (first_confidences(real), {g: _all_confidences(simulated, g) for g in MEASURED})
    missing = [{g: 100 * float(np.prod(v)) for g, v in gap_statistics(clips).items()} for clips in (real, simulated)]
    _draw_statistics(path, frequency, spectra, confidences, missing)
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    print(
        "| joint | jitter, % of trunk: real | simulated | confidence: real | simulated | missing %: real | simulated |"
    )
    print("|---|---|---|---|---|---|---|")
    for g in MEASURED:
        rms = [100 * np.sqrt(np.sum(s[g][band]) * frequency[1]) for s in spectra]
        c = [f"{v[g].mean():.2f} ± {v[g].std():.2f}" for v in confidences]
        print(f"| {g} | {rms[0]:.2f} | {rms[1]:.2f} | {c[0]} | {c[1]} | {missing[0][g]:.3f} | {missing[1][g]:.3f} |")


@mpl.rc_context(STYLE)
def _draw_statistics(
    path: Path,
    frequency: Floats,
    spectra: Sequence[dict[str, Floats]],
    confidences: Sequence[dict[str, Floats]],
    missing: Sequence[dict[str, float]],
) -> None:
    """Draw the statistics of real and of simulated detections side by side."""
    figure = new_figure(11, 4)
    jitter, confidence, gaps = figure.subplots(1, 3)
    for group, colour in zip(("nose", "shoulder", "elbow", "wrist"), CYCLE, strict=False):
        for spectrum, linestyle in zip(spectra, ("-", "--"), strict=True):
            label = group if linestyle == "-" else None
            jitter.loglog(frequency[2:-1], 100 * np.sqrt(spectrum[group][2:-1]), linestyle, color=colour, label=label)
    jitter.axvspan(*BAND, color=FAINT, alpha=0.5, linewidth=0)
    jitter.set(xlabel="Hz", ylabel="% of trunk length / √Hz", title="jitter: real solid, simulated dashed")
    jitter.legend(loc="lower left")
    where = np.arange(len(MEASURED))
    for name, colour, shift, values, shares in zip(
        ("real", "simulated"), (GREY, NORMAL), (-0.12, 0.12), confidences, missing, strict=True
    ):
        means, deviations = ([statistic(values[group]) for group in MEASURED] for statistic in (np.mean, np.std))
        dots = {"color": colour, "marker": "o", "markersize": 4.5, "linestyle": "", "label": name}
        confidence.errorbar(where + shift, means, yerr=deviations, elinewidth=1.1, **dots)
        gaps.semilogy(where + shift, [shares[group] for group in MEASURED], **dots)
    confidence.set(title="confidence of fully visible joints", ylabel="mean ± standard deviation", ylim=(0, 1))
    gaps.set(title="fully visible joints not found", ylabel="% of frames")
    for ax in (confidence, gaps):
        ax.set_xticks(where, [group.replace("_", " ") for group in MEASURED], rotation=60)
        ax.grid(axis="y", color=FAINT, linewidth=0.5)
        ax.legend(loc="lower left" if ax is confidence else "upper left")
    for axis in (jitter.xaxis, jitter.yaxis, gaps.yaxis):
        axis.set_major_formatter("{x:g}")
    path.write_bytes(png(figure))


def _still_person(seed: int) -> Clip:
    """Simulated detections of a still person, frontal and as large in the image as the real ones."""
    rng = np.random.default_rng(seed)
    offsets = {0: (0, -73), 1: (0, 0), 8: (4, 214), 9: (-43, 214), 12: (51, 213)}
    offsets |= {2: (-64, 1), 3: (-99, 89), 4: (-66, 101), 5: (64, -1), 6: (100, 86), 7: (82, 75)}
    offsets |= {15: (-15, -86), 16: (13, -87), 17: (-35, -75), 18: (34, -77)}
    points = np.full((1500, 25, 2), np.nan)
    for joint, (x, y) in offsets.items():
        points[:, joint] = (320 + x, 174 + y)
    visible = np.zeros(points.shape[:2], np.bool_)
    return Clip.build(f"still_{seed}", detect(points, visible, visible, (640, 480), rng), BODY_25, (640, 480), FPS)


def _all_confidences(clips: list[Clip], group: str) -> Floats:
    values = np.concatenate([c.keypoints[:, list(JOINT_GROUPS[group]), 2].ravel() for c in clips])
    return np.asarray(values[values > 0], np.float64)


def found_fraction(workers: int = 6) -> Floats:
    """Fraction (25,) of frames in which each joint is found, over a small `large` data set."""
    clips = [detect_clip(clip, Camera()) for clip in large_clips(0, workers, 1.0)]
    return np.asarray(np.mean(np.concatenate([c.keypoints[..., 2] > 0 for c in clips]), axis=0), np.float64)


if __name__ == "__main__":
    main()
