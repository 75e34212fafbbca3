"""Published joint angles of walking and running, and what follows from them for the feet.

Key values over one stride (0 = the foot strikes the floor), read from the published mean curves to about 2 degrees:
walking after Winter, "Biomechanics and Motor Control of Human Movement", 4th ed. (2009), appendix A, and Perry &
Burnfield, "Gait Analysis", 2nd ed. (2010), figs. 4.3, 4.9, 4.15; running after Novacheck, "The biomechanics of
running", Gait & Posture 7 (1998), fig. 5. The thigh's angle is the hip's flexion less the forward tilt of the pelvis
(about 10 degrees in walking, 15 in running).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Gait:
    """One way of going.

    Attributes:
        duty: share of the stride in which a foot is on the floor.
        thigh: (phase, degrees forward of vertical) key values.
        knee: (phase, degrees of flexion) key values.
        ankle: (phase, degrees of dorsiflexion) key values.
    """

    duty: float
    thigh: tuple[tuple[float, float], ...]
    knee: tuple[tuple[float, float], ...]
    ankle: tuple[tuple[float, float], ...]

    def angles(self, phase: Floats) -> tuple[Floats, Floats, Floats]:
        """Interpolate thigh, knee and ankle angles, degrees, at phases of the stride (1 = one stride)."""
        return _periodic(self.thigh, phase), _periodic(self.knee, phase), _periodic(self.ankle, phase)

    def foot_pitch(self, phase: Floats) -> Floats:
        """Angle of the sole against the floor, degrees, toes up positive: thigh - knee + ankle."""
        thigh, knee, ankle = self.angles(phase)
        return thigh - knee + ankle

    def swing_progress(self, share: Floats) -> Floats:
        """How far the swinging ankle has come, 0..1, at a share 0..1 of the swing's time.

        The ankle's path under the hip comes from the thigh and knee angles (segments of Winter's lengths); the hip's
        own advance is taken as what keeps the ankle still while the foot is flat.
        """
        phase = np.linspace(0, 1, 201)
        thigh, knee, _ = (np.deg2rad(a) for a in self.angles(phase))
        ankle = 0.245 * np.sin(thigh) + 0.246 * np.sin(thigh - knee)
        flat = slice(int(0.15 * self.duty * 200), int(0.6 * self.duty * 200))
        stride = -(ankle[flat.stop] - ankle[flat.start]) / (phase[flat.stop] - phase[flat.start])
        world = ankle + stride * phase
        path = np.interp(self.duty + (1 - self.duty) * np.linspace(0, 1, 50), phase, world)
        path = np.maximum.accumulate(path - path[0])  # the foot does not step back at the end of its swing
        result: Floats = np.interp(share, np.linspace(0, 1, 50), path / path[-1])
        return result


def _periodic(keys: tuple[tuple[float, float], ...], phase: Floats) -> Floats:
    at, value = np.array(keys).T
    spline = CubicSpline(np.append(at, 1 + at[0]), np.append(value, value[0]), bc_type="periodic")
    result: Floats = spline(np.mod(phase, 1.0))
    return result


WALK = Gait(
    duty=0.62,
    thigh=((0, 20), (0.10, 16), (0.30, 0), (0.50, -19), (0.62, -14), (0.75, 14), (0.86, 23), (0.95, 21)),
    knee=((0, 4), (0.13, 18), (0.27, 9), (0.40, 4), (0.50, 11), (0.62, 42), (0.72, 62), (0.85, 30), (0.95, 3)),
    ankle=((0, 0), (0.07, -5), (0.25, 5), (0.45, 10), (0.55, 1), (0.63, -18), (0.73, -4), (0.85, 1), (0.95, 0)),
)
RUN = Gait(
    duty=0.38,
    thigh=((0, 27), (0.10, 22), (0.20, 8), (0.38, -22), (0.46, -18), (0.60, 12), (0.75, 38), (0.85, 38), (0.95, 29)),
    knee=((0, 18), (0.16, 44), (0.28, 32), (0.38, 18), (0.46, 30), (0.65, 92), (0.75, 84), (0.90, 26), (0.96, 16)),
    ankle=((0, 6), (0.20, 25), (0.32, 5), (0.40, -22), (0.50, -14), (0.70, 2), (0.85, 4), (0.95, 6)),
)


def minimum_jerk(share: Floats) -> Floats:
    """Path of a minimum-jerk movement: 0 before share 0, 1 after share 1 (Flash & Hogan 1985, eq. 4)."""
    s = np.clip(share, 0.0, 1.0)
    result: Floats = s**3 * (10 - 15 * s + 6 * s**2)
    return result
