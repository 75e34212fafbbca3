"""What people need to know who run an exported model in a program of their own, in words."""

from textwrap import fill

from skelmap.maps import KeypointSettings, MapSettings
from skelmap.maps.draw import JOINT_RATIO, MIN_CONFIDENCE
from skelmap.monitor.eye import Eye
from skelmap.monitor.onnx_scorer import CONTRIBUTIONS, FILE, INPUT, SCORE
from skelmap.monitor.resample import BRIDGE
from skelmap.poses import Layout

RESAMPLING = {
    "bilinear": "INTER_LINEAR: a pixel is made of four source pixels, whatever the size",
    "area": "INTER_AREA: a pixel is the mean of all its source pixels",
}


def describe(eye: Eye) -> str:
    """Say what a model takes and gives, how its frames are made, and what else lies in its folder.

    Args:
        eye: what the model sees.
    """
    shape = ", ".join(map(str, (eye.window, *eye.settings.shape)))
    how = _map(eye.settings, eye.layout) if isinstance(eye.settings, MapSettings) else _places(eye.settings)
    steps = [_rate(eye.fps), _joints(eye.layout), _centre(eye.layout), *how]
    parts = [
        f"{eye.title}, exported by skelmap." + (" It was trained on simulated recordings." if eye.simulated else ""),
        f"{FILE} judges windows of {eye.window} successive frames of one person.",
        f"Input {INPUT}, float32 (B, {shape}): B windows, their oldest frames first. B may be any number.",
        f"Output {SCORE}, float32 (B,): higher is more abnormal. It belongs to the last frame of its window.",
        f"Output {CONTRIBUTIONS}, float32 (B, {shape}): what each element contributes to its window's\n"
        "being unusual; of models that reconstruct, its squared error.",
        f'session = onnxruntime.InferenceSession("{FILE}")\n'
        f'(scores,) = session.run(["{SCORE}"], {{"{INPUT}": windows}})',
        "From keypoints to a frame:",
        *(
            fill(step, 100, initial_indent=f"{i}. ", subsequent_indent="   ", break_on_hyphens=False)
            for i, step in enumerate(steps, 1)
        ),
        "eye.json says the same for programs. skelmap makes the frames without PyTorch:\n"
        "skelmap.monitor.eye.Eye.read(FOLDER).settings.frames(keypoints, layout, size, before)\n"
        "before: what it gave of the same people's frames before; None for the first.",
        "normal_scores.npz, where it is there, holds the scores of normal validation recordings, among which a\n"
        "threshold can be chosen.",
    ]
    return "\n\n".join(parts) + "\n"


def _rate(fps: float) -> str:
    return (
        f"{fps:g} frames a second. From another rate: at each 1/{fps:g} s take the point on the straight line between "
        "the two sightings of a joint around it, or the nearer sighting if the joint was missing in the other. A "
        f"person unseen for more than {BRIDGE:g} s begins a new window."
    )


def _joints(layout: Layout) -> str:
    neck = "" if layout.has_neck else "; and the neck, which is the midpoint of the shoulders if both were found"
    return (
        f"Joints in the order of {layout.name}, as x px, y px, confidence 0 to 1: {', '.join(layout.joints)}{neck}. "
        f"A joint is found above a confidence of {MIN_CONFIDENCE:g}; for the centre, above 0."
    )


def _centre(layout: Layout) -> str:
    neck = "the neck; where it was not found, " if layout.has_neck else ""
    return f"The centre: {neck}the midpoint of the shoulders; where one of them was not found, the mean of all joints."


def _map(settings: MapSettings, layout: Layout) -> list[str]:
    limb, joint = (max(round(settings.source_width * ratio), 1) for ratio in (1, JOINT_RATIO))
    return [
        f"For each channel a black picture of {settings.crop_size}x{settings.crop_size} px with the centre in its "
        "middle. On it, in white (255), at whole pixels and without anti-aliasing (cv2.polylines): lines of "
        f"{limb} px between joints that were both found, and a dot of {joint} px at each joint.",
        *(_channel(number, name, layout) for number, name in enumerate(settings.channels) if name != "motion"),
        "What lies outside the camera's picture is black.",
        f"Resized to {settings.img_size}x{settings.img_size} px with cv2.resize, {RESAMPLING[settings.resample]}.",
        "Grey levels divided by 255."
        if settings.threshold is None
        else f"1 where the grey level is above {settings.threshold:g} x 255, else 0.",
        *(_motion(number) for number, name in enumerate(settings.channels) if name == "motion"),
    ]


def _channel(number: int, name: str, layout: Layout) -> str:
    names = (*layout.joints, "neck")
    joints = [joint for joint, part in zip(names, layout.joint_parts, strict=False) if part == name]
    limbs = [
        f"{names[a]}-{names[b]}"
        for (a, b), part in zip(layout.limbs, layout.limb_parts, strict=True)
        if name in ("body", part)
    ]
    return f"Channel {number}, {name}, shows {', '.join(joints) or 'all joints'}. The lines: {', '.join(limbs)}."


def _motion(number: int) -> str:
    return (
        f"Channel {number}, motion, is the absolute difference of the channel body from what it was in the same "
        "person's frame before; in their first frame it is the channel body."
    )


def _places(settings: KeypointSettings) -> list[str]:
    return [
        "A row (x, y) for each joint, in the order above: from the centre to the joint, divided by "
        f"{settings.crop_size / 2:g} px.",
        "A joint that was not found keeps its row of the frame before; (0, 0) until it is found first.",
    ]
