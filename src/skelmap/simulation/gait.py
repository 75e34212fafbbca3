"""Joint-angle curves of the walking and the running gait cycle.

Key values are read from published mean curves: walking from Winter 2009 and Perry & Burnfield, "Gait Analysis", 2nd ed.
2010; running from Novacheck, Gait & Posture 7, 1998. Periodic cubic splines join them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from skelmap.simulation.motion import Floats


@dataclass(frozen=True)
class GaitCycle:
    """Sagittal joint angles over one stride; phase 0 is heel strike, phase 1 the next one of the same foot.

    Attributes:
        duty_factor: fraction of the stride in which the foot is on the floor.
        thigh: (phase, degrees forward of vertical) key values.
        knee: (phase, degrees of flexion) key values.
        ankle: (phase, degrees of dorsiflexion) key values.
    """

    duty_factor: float
    thigh: tuple[tuple[float, float], ...]
    knee: tuple[tuple[float, float], ...]
    ankle: tuple[tuple[float, float], ...]

    def joint_angles(self, phase: Floats) -> tuple[Floats, Floats, Floats]:
        """Interpolate thigh, knee and ankle angles, degrees, at gait-cycle phases."""
        return (
            _periodic_spline(self.thigh, phase),
            _periodic_spline(self.knee, phase),
            _periodic_spline(self.ankle, phase),
        )

    def foot_pitch(self, phase: Floats) -> Floats:
        """Compute the angle of the sole against the floor, degrees, toes up positive: thigh - knee + ankle."""
        thigh, knee, ankle = self.joint_angles(phase)
        return thigh - knee + ankle

    def swing_progress(self, swing_phase: Floats) -> Floats:
        """Compute the fraction 0..1 of a step's length that the swinging ankle has covered.

        The ankle's path below the hip follows from the thigh and knee angles (segment lengths of Winter 2009); the
        hip's own speed is the one that keeps the ankle still while the foot is flat.

        Args:
            swing_phase: fraction 0..1 of the swing time.
        """
        phase = np.linspace(0, 1, 201)
        thigh, knee, _ = (np.deg2rad(a) for a in self.joint_angles(phase))
        ankle = 0.245 * np.sin(thigh) + 0.246 * np.sin(thigh - knee)
        flat = slice(int(0.15 * self.duty_factor * 200), int(0.6 * self.duty_factor * 200))
        hip_speed = -(ankle[flat.stop] - ankle[flat.start]) / (phase[flat.stop] - phase[flat.start])
        world = ankle + hip_speed * phase
        path = np.interp(self.duty_factor + (1 - self.duty_factor) * np.linspace(0, 1, 50), phase, world)
        path = np.maximum.accumulate(path - path[0])  # the foot does not step back at the end of its swing
        result: Floats = np.interp(swing_phase, np.linspace(0, 1, 50), path / path[-1])
        return result


def _periodic_spline(keys: tuple[tuple[float, float], ...], phase: Floats) -> Floats:
    at, value = np.array(keys).T
    spline = CubicSpline(np.append(at, 1 + at[0]), np.append(value, value[0]), bc_type="periodic")
    result: Floats = spline(np.mod(phase, 1.0))
    return result


WALK = GaitCycle(
    duty_factor=0.62,
    thigh=((0, 20), (0.10, 16), (0.30, 0), (0.50, -19), (0.62, -14), (0.75, 14), (0.86, 23), (0.95, 21)),
    knee=((0, 4), (0.13, 18), (0.27, 9), (0.40, 4), (0.50, 11), (0.62, 42), (0.72, 62), (0.85, 30), (0.95, 3)),
    ankle=((0, 0), (0.07, -5), (0.25, 5), (0.45, 10), (0.55, 1), (0.63, -18), (0.73, -4), (0.85, 1), (0.95, 0)),
)
RUN = GaitCycle(
    duty_factor=0.38,
    thigh=((0, 27), (0.10, 22), (0.20, 8), (0.38, -22), (0.46, -18), (0.60, 12), (0.75, 38), (0.85, 38), (0.95, 29)),
    knee=((0, 18), (0.16, 44), (0.28, 32), (0.38, 18), (0.46, 30), (0.65, 92), (0.75, 84), (0.90, 26), (0.96, 16)),
    ankle=((0, 6), (0.20, 25), (0.32, 5), (0.40, -22), (0.50, -14), (0.70, 2), (0.85, 4), (0.95, 6)),
)
