"""Body model of a worker: segment lengths, personal movement style, and their variation between people.

Lengths are fractions of stature H after Drillis & Contini, "Body Segment Parameters" (1966), as reprinted in Winter,
"Biomechanics and Motor Control of Human Movement", 4th ed. (2009), fig. 4.1. Where a pose detector marks another point
than the anatomical tables (joint centres of shoulders and hips instead of outer breadths), the constant says so.
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
FOOT_LENGTH = 0.152
SHOULDER_BREADTH = 0.259
HIP_BREADTH = 0.191
JOINT_CENTRE_RATIO = 0.72
"""Distance of the joint centres that detectors mark over the tabled outer breadth. With 0.72 the shoulders are 0.65 and
the hips 0.48 trunk lengths apart; in real detections of people facing the camera it is 0.61 (quartiles 0.57 to 0.64)
and 0.43 (0.41 to 0.46), a little less because nobody stands quite square (`scripts/fit_detector.py` prints them)."""
HEEL_FRACTION = 0.25
"""Fraction of the foot's length that lies behind the ankle joint (Winter, fig. 4.1 draws about a quarter)."""

STATURE_MEAN, STATURE_SD = 1.70, 0.075
"""Metres, adults of both sexes together; a working population varies by about 4 % (NCD-RisC, eLife 2016)."""
LENGTH_SD = 0.03
"""Relative spread of a limb's length between people of one stature (Winter, section 4.0, calls the tabled fractions
averages; limb-to-stature ratios in anthropometric surveys vary by about 3 %)."""


@dataclass(frozen=True)
class Worker:
    """A person: segment lengths and movement style; every `scale` is relative to the average person.

    Attributes:
        stature: standing height, m.
        thigh: hip to knee, m.
        shank: knee to ankle, m.
        ankle_height: ankle joint above the sole, m.
        foot_length: heel to toe tip, m.
        trunk: mid-hip to neck (midpoint of the shoulders), m.
        half_shoulder_width: half the distance between the shoulder joints, m.
        half_hip_width: half the distance between the hip joints, m.
        upper_arm: shoulder to elbow, m.
        forearm: elbow to wrist, m.
        head: neck to the middle of the ears, m.
        right_handed: whether the right hand is dominant.
        tempo: speed of all movements relative to the average, 0.8..1.25.
        walk_speed: comfortable walking speed, m/s.
        stoop: habitual forward lean of the trunk, rad.
        step_width: distance between the feet, m.
        arm_swing_scale: amplitude of the arm swing.
        elbow_abduction: angle of the elbows outwards from straight down, rad.
        reach_scale: distance of the hands from the body during work.
        idle_scale: amplitude of idle movement.
        squat_bias: reaching down by bending the back (negative) or the knees (positive), -0.25..0.5.
        bench_offset: preferred position along the bench, m from its middle.
        bench_heading_offset: preferred heading at the bench relative to facing it, rad.
        carry_height_scale: height at which loads are carried.
    """

    stature: float
    thigh: float
    shank: float
    ankle_height: float
    foot_length: float
    trunk: float
    half_shoulder_width: float
    half_hip_width: float
    upper_arm: float
    forearm: float
    head: float
    right_handed: bool
    tempo: float
    walk_speed: float
    stoop: float
    step_width: float
    arm_swing_scale: float
    elbow_abduction: float
    reach_scale: float
    idle_scale: float
    squat_bias: float
    bench_offset: float
    bench_heading_offset: float
    carry_height_scale: float

    @property
    def leg_length(self) -> float:
        """Length of the straight leg from hip to ankle, m."""
        return self.thigh + self.shank

    @property
    def arm_length(self) -> float:
        """Length of the straight arm from shoulder to wrist, m."""
        return self.upper_arm + self.forearm

    @property
    def dominant_hand(self) -> int:
        """Index of the dominant hand: 0 = right, 1 = left."""
        return 0 if self.right_handed else 1


def sample_worker(rng: np.random.Generator) -> Worker:
    """Draw a worker: lengths around the tabled fractions, movement style around the population mean."""
    stature = float(np.clip(rng.normal(STATURE_MEAN, STATURE_SD), 1.50, 1.92))

    def length(fraction: float) -> float:
        return stature * fraction * float(np.clip(rng.normal(1.0, LENGTH_SD), 0.93, 1.07))

    def style(mean: float, sd: float) -> float:
        return float(mean + sd * np.clip(rng.normal(), -2, 2))

    tempo = float(np.exp(style(0.0, 0.09)))
    return Worker(
        stature=stature,
        thigh=length(HIP_HEIGHT - KNEE_HEIGHT),
        shank=length(KNEE_HEIGHT - ANKLE_HEIGHT),
        ankle_height=length(ANKLE_HEIGHT),
        foot_length=length(FOOT_LENGTH),
        trunk=length(SHOULDER_HEIGHT - HIP_HEIGHT),
        half_shoulder_width=length(SHOULDER_BREADTH * JOINT_CENTRE_RATIO / 2),
        half_hip_width=length(HIP_BREADTH * JOINT_CENTRE_RATIO / 2),
        upper_arm=length(UPPER_ARM),
        forearm=length(FOREARM),
        head=length(EYE_HEIGHT - SHOULDER_HEIGHT),
        right_handed=bool(rng.random() < 0.9),  # about one person in ten is left-handed (Papadatou-Pastou et al. 2020)
        tempo=tempo,
        walk_speed=1.15 * tempo,
        stoop=style(0.06, 0.035),
        step_width=stature * style(0.075, 0.012),
        arm_swing_scale=style(1.0, 0.22),
        elbow_abduction=style(0.35, 0.12),
        reach_scale=style(1.0, 0.08),
        idle_scale=style(1.0, 0.25),
        squat_bias=style(0.12, 0.15),
        bench_offset=style(0.0, 0.15),
        bench_heading_offset=style(0.0, 0.12),
        carry_height_scale=style(1.0, 0.06),
    )
