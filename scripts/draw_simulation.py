"""Draw the pictures of docs/simulation.md: `python scripts/draw_factory.py --out docs/img [--real DATA_FOLDER]`.

With --real, a folder with clips/*.npz of real OpenPose BODY_25 output, the simulated detector is drawn beside it.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from detector_fit.measure import BAND, first_confidences, gap_numbers, jitter_spectra
from skelmap.simulation.actions import perform
from skelmap.simulation.body import sample_worker
from skelmap.simulation.camera import Camera
from skelmap.simulation.dataset import large_shots, picture
from skelmap.simulation.detector import GROUPS, detect, fitted
from skelmap.simulation.feet import plan_feet
from skelmap.simulation.gait import RUN, WALK, Floats
from skelmap.simulation.limbs import solve_joints
from skelmap.simulation.occlusion import Solid
from skelmap.simulation.performer import Performer
from skelmap.simulation.posture import solve_trunk
from skelmap.simulation.render import BACKGROUND, Picture, draw_skeleton
from skelmap.simulation.scene import build_workshop, solids_of
from skelmap.simulation.sessions import Act, simulate
from skelmap.simulation.timeline import Timeline
from skelmap.skeletons.clip import Clip
from skelmap.skeletons.layouts import BODY_25
from skelmap.skeletons.readers import read_clip

ACTS: tuple[Act, ...] = (
    ("carry_chair", False),
    ("carry_chair", True),
    ("cut_paper", False),
    ("cut_paper", True),
    ("discard_trash", False),
    ("discard_trash", True),
    ("carry_box", False),
    ("carry_box", True),
    ("dig_trash", True),
    ("run", True),
)
TILES, TILE = 9, 150
FURNITURE = (110, 110, 60)


def main() -> None:
    """Draw everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    parser.add_argument("--real", type=Path, help="folder with clips/*.npz of real OpenPose BODY_25 output")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    sheet = np.vstack([act_row(act, seed) for seed, act in enumerate(ACTS, start=3)])
    cv2.imwrite(str(a.out / "factory_works.png"), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    draw_gait(a.out / "factory_gait.png")
    if a.real:
        real = [read_clip(p, p.stem) for p in sorted((a.real / "clips").glob("*.npz"))]
        draw_detector(a.out / "factory_detector.png", real)


def act_row(act: Act, seed: int) -> Picture:
    """One act in nine moments: true joints and furniture as the camera sees them; red frame = abnormal."""
    rng = np.random.default_rng(seed)
    worker, shop, camera = sample_worker(rng), build_workshop(rng), Camera()
    who = Performer(worker, shop, rng, Timeline((0.2, 3.9), -1.2))
    who.timeline.stay(0.2)
    perform(who, *act)
    joints, _, facing = simulate(who.timeline, worker, rng)
    solids = solids_of(shop, joints, facing)
    points = camera.project(joints)[0]
    tiles = []
    for i in np.linspace(0.12, 0.97, TILES) * (len(joints) - 1):
        frame = int(i)
        abnormal = any(a <= frame / 30 < b for a, b in who.abnormal)
        tiles.append(_tile(points[frame], solids, frame, camera, abnormal))
    row = np.hstack(tiles)
    title = f"{act[0]}, {'abnormal' if act[1] else 'normal'}"
    cv2.putText(row, title, (6, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (220, 220, 220), 1, cv2.LINE_AA)
    return row


def _tile(points: Floats, solids: tuple[Solid, ...], frame: int, camera: Camera, abnormal: bool) -> Picture:
    canvas = np.full((camera.rows, camera.width, 3), BACKGROUND, np.uint8)
    for solid in solids:
        _outline(canvas, solid, frame, camera)
    draw_skeleton(canvas, np.concatenate([points, np.ones((25, 1))], axis=1), BODY_25.limbs, BODY_25.joints, 1.0)
    x = int(np.clip(points[8, 0] - 150, 0, camera.width - 300))
    y = int(np.clip(points[8, 1] - 150, 0, camera.rows - 300))
    tile = cv2.resize(canvas[y : y + 300, x : x + 300], (TILE, TILE), interpolation=cv2.INTER_AREA)
    if abnormal:
        cv2.rectangle(tile, (1, 1), (TILE - 2, TILE - 2), (60, 60, 235), 2)
    return np.asarray(tile, np.uint8)


def _outline(canvas: Picture, solid: Solid, frame: int, camera: Camera) -> None:
    c, s = np.cos(solid.yaw[frame]), np.sin(solid.yaw[frame])
    axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) * np.array(solid.size)[:, None] / 2
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    corners = camera.project(solid.centre[frame] + signs @ axes)[0]
    for i in range(8):
        for j in range(i):
            if np.sum(signs[i] != signs[j]) == 1:
                ends = [(round(float(p[0])), round(float(p[1]))) for p in (corners[i], corners[j])]
                cv2.line(canvas, ends[0], ends[1], FURNITURE, 1, cv2.LINE_AA)


def draw_gait(path: Path) -> None:
    """Simulated thigh, knee and foot angles over the published curves they follow."""
    figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), sharex=True)
    for row, (gait, speed, run, name) in enumerate(((WALK, 1.3, False, "walking"), (RUN, 2.5, True, "running"))):
        strides = _strides(speed, run)
        phase = np.linspace(0, 1, 51)
        thigh, knee, _ = gait.angles(phase)
        for ax, curve, k, title in zip(
            axes[row], (thigh, knee, gait.foot_pitch(phase)), range(3), ("thigh", "knee", "foot"), strict=True
        ):
            for stride in strides:
                ax.plot(100 * phase, stride[k], color="tab:blue", alpha=0.35, lw=1)
            ax.plot(100 * phase, curve, "k--", lw=1.5)
            ax.set_title(f"{name} {speed} m/s: {title}, degrees", fontsize=9)
            ax.grid(alpha=0.3)
    for ax in axes[1]:
        ax.set_xlabel("% of stride")
    figure.suptitle("simulated strides (blue) and published mean curves (dashed)", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _strides(speed: float, run: bool) -> list[Floats]:
    line = Timeline((0.0, 0.0), 0.0)
    line.stay(0.3)
    line.go([(16.0, 0.0)], 0.0, speed, run)
    plan, worker = line.plan(), sample_worker(np.random.default_rng(1))
    feet = plan_feet(plan.xy, plan.heading, plan.run, worker)
    trunk = solve_trunk(plan, feet, worker)
    joints = solve_joints(trunk, feet, trunk.shoulders - np.array([0, 0, 0.4]), worker)
    thigh, shank = joints[:, 10] - joints[:, 9], joints[:, 11] - joints[:, 10]
    upper, lower = (np.rad2deg(np.arctan2(v[:, 0], -v[:, 2])) for v in (thigh, shank))
    angles = (upper, upper - lower, np.rad2deg(feet.pitch[:, 0]))
    lands = [s.land for s in feet.steps if s.foot == 0][3:-3]
    time, phase = np.arange(len(upper)) / 30, np.linspace(0, 1, 51)
    return [np.array([np.interp(a + (b - a) * phase, time, angle) for angle in angles]) for a, b in pairwise(lands)]


def draw_detector(path: Path, real: list[Clip]) -> None:
    """Jitter spectra, confidences and gaps, real and simulated; also printed as a table."""
    simulated = [_filmed_like_real(n) for n in range(40)]
    fitted_groups = [g for g in GROUPS if g not in ("knee", "ankle", "foot")]
    frequency, real_spectra, _ = jitter_spectra(real)
    spectra = jitter_spectra(simulated)[1]
    confidences = [first_confidences(real), {g: _all_confidences(simulated, g) for g in fitted_groups}]
    gaps = [gap_numbers(real), gap_numbers(simulated)]
    figure, axes = plt.subplots(1, 3, figsize=(12, 4))
    for number, group in enumerate(("nose", "shoulder", "elbow", "wrist")):
        for values, style in ((real_spectra, "-"), (spectra, "--")):
            label = group if style == "-" else None
            axes[0].loglog(
                frequency[2:-1],
                np.sqrt(values[group][2:-1]) * 100,
                style,
                color=f"C{number}",
                label=label,
            )
    axes[0].axvspan(*BAND, color="0.92")
    axes[0].set(xlabel="Hz", ylabel="% of trunk length per root Hz", title="jitter: real (solid), simulated (dashed)")
    axes[0].legend(fontsize=8)
    where = np.arange(len(fitted_groups))
    for shift, values, name in ((-0.2, confidences[0], "real"), (0.2, confidences[1], "simulated")):
        means = [values[g].mean() for g in fitted_groups]
        axes[1].bar(where + shift, means, 0.38, yerr=[values[g].std() for g in fitted_groups], label=name)
    for shift, gap, name in ((-0.2, gaps[0], "real"), (0.2, gaps[1], "simulated")):
        axes[2].bar(where + shift, [100 * np.prod(gap[g]) for g in fitted_groups], 0.38, label=name)
    axes[1].set(title="confidence of joints in full view")
    axes[2].set(title="% of frames missing, in full view", yscale="log")
    for ax in axes[1:]:
        ax.set_xticks(where, fitted_groups, rotation=60, fontsize=8)
        ax.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    print(
        "| joint | jitter, % of trunk: real | simulated | confidence: real | simulated | missing %: real | simulated |"
    )
    print("|---|---|---|---|---|---|---|")
    for g in fitted_groups:
        rms = [100 * np.sqrt(np.sum(s[g][band]) * frequency[1]) for s in (real_spectra, spectra)]
        c = [f"{v[g].mean():.2f} ± {v[g].std():.2f}" for v in confidences]
        lost = [100 * float(np.prod(gap[g])) for gap in gaps]
        print(f"| {g} | {rms[0]:.2f} | {rms[1]:.2f} | {c[0]} | {c[1]} | {lost[0]:.3f} | {lost[1]:.3f} |")


def _filmed_like_real(number: int) -> Clip:
    """A still person as large in the picture as the real ones, facing the camera, through the simulated detector."""
    rng = np.random.default_rng(number)
    spots = {0: (0, -73), 1: (0, 0), 8: (4, 214), 9: (-43, 214), 12: (51, 213)}
    spots |= {2: (-64, 1), 3: (-99, 89), 4: (-66, 101), 5: (64, -1), 6: (100, 86), 7: (82, 75)}
    spots |= {15: (-15, -86), 16: (13, -87), 17: (-35, -75), 18: (34, -77)}
    points = np.full((1500, 25, 2), np.nan)
    for joint, spot in spots.items():
        points[:, joint] = (320 + spot[0], 174 + spot[1])
    nothing = np.zeros(points.shape[:2], np.bool_)
    return Clip.build(f"still_{number}", detect(points, nothing, nothing, (640, 480), rng), BODY_25, (640, 480), 30.0)


def _all_confidences(clips: list[Clip], group: str) -> Floats:
    values = np.concatenate([c.keypoints[:, list(GROUPS[group]), 2].ravel() for c in clips])
    return np.asarray(values[values > 0], np.float64)


def found_share(workers: int = 6) -> Floats:
    """(25,) share of frames in which each joint is found, over a small `large` data set."""
    clips = [picture(shot, Camera()) for shot in large_shots(0, workers, 1.0)]
    return np.asarray(np.mean(np.concatenate([c.keypoints[..., 2] > 0 for c in clips]), axis=0), np.float64)


if __name__ == "__main__":
    main()
    print("simulated sigma, trunk lengths:", np.round(fitted().sigma, 4).tolist())
    print(
        "simulated share of frames found:", dict(zip(BODY_25.joints, np.round(found_share(), 2).tolist(), strict=True))
    )
