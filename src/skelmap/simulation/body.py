"""The worker's body: segment lengths, personal habits, and how likely each varies.

Lengths are fractions of stature H after Drillis & Contini, "Body Segment Parameters" (1966), as reprinted in Winter,
"Biomechanics and Motor Control of Human Movement", 4th ed. (2009), fig. 4.1. Where a keypoint detector marks another
spot than the anatomists (joint centres of shoulders and hips instead of outer breadths), the constant says so.
"""

from dataclasses import dataclass

import numpy as np

ANKLE_HEIGHT = 0.039
KNEE_HEIGHT = 0.285
HIP_HEIGHT = 0.530
SHOULDER_HEIGHT = 0.818
EYE_HEIGHT = 0.936
UPPER_ARM = 0.186
FOREARM = 0.146
HAND = 0.108
FOOT_LENGTH = 0.152
FOOT_BREADTH = 0.055
SHOULDER_BREADTH = 0.259
HIP_BREADTH = 0.191
JOINT_CENTRES = 0.72
"""Detectors mark joint centres, which lie inside the tabled outer breadths. With 0.72 the shoulders are 0.65 and the
hips 0.48 trunk lengths apart; in real detections of people facing the camera it is 0.61 (quartiles 0.57 to 0.64) and
0.43 (0.41 to 0.46), a little less because nobody stands quite square (`scripts/fit_detector.py` prints them)."""

HEEL_SHARE = 0.25
"""Share of the foot's length that lies behind the ankle joint (Winter, fig. 4.1 draws about a quarter)."""

STATURE_MEAN, STATURE_SD = 1.70, 0.075
"""Metres, adults of both sexes together; a working population varies by about 4 % (NCD-RisC, eLife 2016)."""
LENGTH_SD = 0.03
"""Relative spread of a limb's length between people of one stature (Winter, section 4.0, calls the tabled fractions
averages; limb-to-stature ratios in anthropometric surveys vary by about 3 %)."""


@dataclass(frozen=True)
class Worker:
    """A person: lengths in metres and habits.

    Attributes:
        stature: standing height, m.
        thigh: hip to knee, m.
        shank: knee to ankle, m.
        ankle: height of the ankle joint above the sole, m.
        foot: length of the foot, m.
        trunk: mid-hip to neck (midpoint of the shoulders), m.
        shoulder: half the distance between the shoulder joints, m.
        hip: half the distance between the hip joints, m.
        upper_arm: shoulder to elbow, m.
        forearm: elbow to wrist, m.
        head: neck to the middle of the ears, m.
        right_handed: which hand works.
        tempo: speed of all acts relative to the average, 0.8..1.25.
        walk_speed: comfortable walking speed, m/s.
        stoop: habitual forward lean of the trunk, rad.
        step_width: distance between the feet, m.
        arm_swing: amplitude of the arms' swing relative to the average.
        elbows_out: how far the elbows point outwards, rad from straight down.
        spread: how far the hands work from the body relative to the average.
        restless: amplitude of idle movement relative to the average.
        squat: bends the back (negative) or the knees (positive) to reach down, -0.25..0.5.
        bench_place: where along the bench the worker likes to stand, m from its middle.
        bench_turn: how far the worker likes to stand turned there, rad.
        carry_height: how high loads are carried relative to the average.
    """

    stature: float
    thigh: float
    shank: float
    ankle: float
    foot: float
    trunk: float
    shoulder: float
    hip: float
    upper_arm: float
    forearm: float
    head: float
    right_handed: bool
    tempo: float
    walk_speed: float
    stoop: float
    step_width: float
    arm_swing: float
    elbows_out: float
    spread: float
    restless: float
    squat: float
    bench_place: float
    bench_turn: float
    carry_height: float

    @property
    def leg(self) -> float:
        """Length of the straight leg from hip to ankle, m."""
        return self.thigh + self.shank

    @property
    def arm(self) -> float:
        """Length of the straight arm from shoulder to wrist, m."""
        return self.upper_arm + self.forearm

    @property
    def right_is_main(self) -> int:
        """Index of the working hand: 0 = right, 1 = left."""
        return 0 if self.right_handed else 1


def sample_worker(rng: np.random.Generator) -> Worker:
    """Draw a worker.

    Args:
        rng: source of randomness.

    Returns:
        A worker whose lengths follow the tables and whose habits vary as people's do.
    """
    stature = float(np.clip(rng.normal(STATURE_MEAN, STATURE_SD), 1.50, 1.92))

    def length(fraction: float) -> float:
        return stature * fraction * float(np.clip(rng.normal(1.0, LENGTH_SD), 0.93, 1.07))

    def habit(mean: float, sd: float) -> float:
        return float(mean + sd * np.clip(rng.normal(), -2, 2))

    tempo = float(np.exp(habit(0.0, 0.09)))
    return Worker(
        stature=stature,
        thigh=length(HIP_HEIGHT - KNEE_HEIGHT),
        shank=length(KNEE_HEIGHT - ANKLE_HEIGHT),
        ankle=length(ANKLE_HEIGHT),
        foot=length(FOOT_LENGTH),
        trunk=length(SHOULDER_HEIGHT - HIP_HEIGHT),
        shoulder=length(SHOULDER_BREADTH * JOINT_CENTRES / 2),
        hip=length(HIP_BREADTH * JOINT_CENTRES / 2),
        upper_arm=length(UPPER_ARM),
        forearm=length(FOREARM),
        head=length(EYE_HEIGHT - SHOULDER_HEIGHT),
        right_handed=bool(rng.random() < 0.9),  # about one person in ten is left-handed (Papadatou-Pastou et al. 2020)
        tempo=tempo,
        walk_speed=1.15 * tempo,
        stoop=habit(0.06, 0.035),
        step_width=stature * habit(0.075, 0.012),
        arm_swing=habit(1.0, 0.22),
        elbows_out=habit(0.35, 0.12),
        spread=habit(1.0, 0.08),
        restless=habit(1.0, 0.25),
        squat=habit(0.12, 0.15),
        bench_place=habit(0.0, 0.15),
        bench_turn=habit(0.0, 0.12),
        carry_height=habit(1.0, 0.06),
    )
