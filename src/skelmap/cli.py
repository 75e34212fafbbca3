"""The command line: `skelmap COMMAND ...`.

A command imports what it needs when it runs, so that help appears at once and the monitor runs without torch.
"""

import argparse
import inspect
import logging
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skelmap import __version__
from skelmap.monitor.commands import page, password, refit, site
from skelmap.utils.commands import command_parser
from skelmap.utils.config_files import config_dir, describe_config
from skelmap.utils.errors import UserError
from skelmap.utils.runtime import Stopped, exit_on_signal

if TYPE_CHECKING:
    from skelmap.skeletons.readers import PoseFormat


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    Args:
        arguments: the command's name and its arguments; None for those of the process.

    Raises:
        SystemExit: help was asked for (0), the command failed (1), wrong usage (2), or a signal stopped it (128 + N).
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in HELP:
        print(_help())
    elif name == "--version":
        print(f"skelmap {__version__}")
    elif name in ("-sc", "--shell-completion"):
        _complete(rest)
    elif name not in COMMANDS:
        print(f"skelmap: unknown command {name!r}; allowed are {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    else:
        try:
            COMMANDS[name](rest)
        except UserError as error:
            sys.exit(f"error: {error}")


def train(arguments: Sequence[str]) -> None:
    """Train and evaluate a model; with -m, every combination of several values.

    skelmap train model=feature_knn data=manifest data.manifest=PATH   recommended for recordings of real people
    skelmap train                                             the paper's LSTM-VAE on simulated data, 30 epochs
    skelmap train experiment=quickstart                       ... in a quarter of the time
    skelmap train model=ae data.img_size=56                   another model, another map size
    skelmap train -m model=ae,vae data.img_size=28,56         every combination, a run each, and one comparison page
    skelmap train logger=wandb                                log to Weights & Biases (offline without an account)
    skelmap train ckpt_path=RUN/checkpoints/last.ckpt         resume a run; repeat its arguments
    skelmap train train=false ckpt_path=PATH                  evaluate a checkpoint, train nothing
    skelmap train model=vae --help                            the keys of a choice
    skelmap train --cfg job                                   print the configuration; --hydra-help: Hydra's own options
    """
    if not HELP.isdisjoint(arguments):
        print(inspect.getdoc(train), describe_config("train", arguments), sep="\n\n")
        return
    from skelmap.hydra_tasks import train_task
    from skelmap.utils.hydra_app import run_hydra

    run_hydra(train_task, "train", arguments)


def monitor(arguments: Sequence[str]) -> None:
    """Monitor a camera, a video or recorded poses, and raise alarms.

    skelmap monitor checkpoint=RUN source=0 web.port=8000                camera 0, with a web page
    skelmap monitor checkpoint=RUN source=rtsp://USER:PASSWORD@CAMERA    network camera
    skelmap monitor checkpoint=RUN source=video.mp4                      video file
    skelmap monitor checkpoint=RUN source=openpose/now follow=true       folder into which OpenPose writes
    skelmap monitor checkpoint=RUN source=manifest.csv                   test recordings, with metrics of the alarms
    """
    if not HELP.isdisjoint(arguments):
        print(inspect.getdoc(monitor), describe_config("monitor", arguments), sep="\n\n")
        return
    from skelmap.hydra_tasks import monitor_task
    from skelmap.utils.hydra_app import run_hydra

    run_hydra(monitor_task, "monitor", arguments)


def extract(arguments: Sequence[str]) -> None:
    """Estimate poses in labelled videos: a clip for each video, and a manifest of them.

    skelmap extract --normal recordings/normal --abnormal recordings/falls --group-by folder --out data/site

    Writes FOLDER/NAME.npz for each video and adds it to FOLDER/manifest.csv; people (groups) are split into train, val
    and test. Abnormal videos of people who are not in the test go to FOLDER/examples.csv. Existing clips and lines are
    kept: an interrupted extraction continues with the same command, and further videos are added.
    """
    parser = command_parser(extract)
    parser.add_argument("unlabelled", type=Path, nargs="*", metavar="VIDEO", help=argparse.SUPPRESS)
    paths: dict[str, Any] = {"type": Path, "nargs": "+", "action": "extend", "default": [], "metavar": "PATH"}
    parser.add_argument("--normal", **paths, help="videos, and folders of videos, of normal work only")
    parser.add_argument("--abnormal", **paths, help="videos, and folders of videos, that show the unusual")
    parser.add_argument("--group-by", choices=("folder", "name"), help="person: first folder, or name up to _ or -")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of the clips and manifest")
    parser.add_argument("--estimator", default="mediapipe", help="mediapipe (one person, default) or rtmo (several)")
    parser.add_argument("--weights", type=Path, help="network file of the estimator; mediapipe has its own")
    parser.add_argument("--split", choices=("train", "val", "test"), help="split of all these videos")
    a = parser.parse_args(arguments)
    if a.unlabelled:
        parser.error(
            f"{a.unlabelled[0]}: what does it show? Name videos of normal work only after --normal, others after "
            "--abnormal; a video of unknown content must not be trained on"
        )
    if not (a.normal or a.abnormal):
        parser.error("no videos; name them after --normal and --abnormal")
    from skelmap.pose_estimation.extract import extract_videos, next_steps
    from skelmap.pose_estimation.labelled_videos import find_videos

    videos = find_videos(a.normal, a.abnormal, a.group_by)
    try:
        with exit_on_signal():
            failed = extract_videos(videos, a.out, a.estimator, a.weights, a.split)
    except Stopped as stop:
        print(f"stopped by {stop.signal}; the same command continues", file=sys.stderr)
        raise
    print("\n".join(next_steps(a.out)))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def simulate(arguments: Sequence[str]) -> None:
    """Write a simulated data set of workers in a factory."""
    parser = command_parser(simulate)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder of manifest.csv and clips/")
    parser.add_argument("--preset", default="paper", help="paper (one worker, default) or large (many)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
    parser.add_argument("--workers", type=int, default=20, help="preset large: number of workers (default 20)")
    parser.add_argument("--minutes", type=float, default=10.0, help="preset large: of each worker (default 10)")
    parser.add_argument("--camera-height", dest="height", type=float, help="m above the floor")
    parser.add_argument("--camera-pitch", dest="pitch", type=float, help="degrees below the horizon")
    parser.add_argument("--camera-focal", dest="focal", type=float, help="focal length, px")
    a = parser.parse_args(arguments)
    from skelmap.simulation.camera import Camera
    from skelmap.simulation.dataset import simulate_dataset

    camera = Camera(**{key: value for key in ("height", "pitch", "focal") if (value := getattr(a, key)) is not None})
    size = {"workers": a.workers, "minutes": a.minutes}
    print(simulate_dataset(a.out, a.preset, a.seed, **size, camera=camera, progress=sys.stderr.isatty()))


def tune(arguments: Sequence[str]) -> None:
    """Tune hyperparameters: find those with the lowest loss on normal validation recordings.

    KEY=VALUE arguments are those of `skelmap train`, whose --help lists them. The test split is not used. Run again, it
    continues up to --trials; several processes with the same folder share the trials.
    """
    default_space = config_dir() / "space" / "lstm_vae.yaml"
    parser = command_parser(tune)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as data=manifest data.manifest=FILE")
    parser.add_argument("--space", type=Path, default=default_space, help="search space, YAML; default: lstm_vae")
    parser.add_argument("--trials", type=int, default=20, help="in all, earlier starts included (default 20)")
    parser.add_argument("--folder", type=Path, help="default: outputs/tuning/NAME_OF_SPACE")
    a = parser.parse_intermixed_args(arguments)
    if a.trials < 1:
        parser.error(f"--trials {a.trials}; allowed: at least 1")
    from skelmap.utils.hydra_app import check_arguments

    check_arguments(a.overrides)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        from skelmap.tuning.search_space import read_space
        from skelmap.tuning.trial import BaseConfig
        from skelmap.tuning.tune import tune as run_trials
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        sys.exit("tuning needs the package optuna: pip install 'skelmap[tune]'")
    folder = a.folder or Path("outputs/tuning") / a.space.stem
    try:
        run_trials(BaseConfig(config_dir(), tuple(a.overrides)), read_space(a.space), folder, a.trials)
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command continues")


def compare(arguments: Sequence[str]) -> None:
    """Compare the runs of a sweep: tables, figures and an HTML page in SWEEP_FOLDER/comparison."""
    parser = command_parser(compare)
    parser.add_argument("folder", type=Path, metavar="SWEEP_FOLDER", help="runs may be at any depth below it")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (default 0)")
    a = parser.parse_args(arguments)
    from skelmap.comparison.write import compare_and_print

    print(f"comparison: {compare_and_print(a.folder, a.seed)}")


def export(arguments: Sequence[str]) -> None:
    """Export the model of a run to ONNX.

    The folder gets model.onnx, README.txt with the model's inputs and outputs, and the files that `skelmap monitor
    checkpoint=FOLDER source=...` needs to run it without PyTorch.
    """
    parser = command_parser(export)
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default: RUN/onnx")
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="of the run's own model")
    a = parser.parse_args(arguments)
    from skelmap.monitor import onnx_export

    folder = a.out or a.run / "onnx"
    difference = onnx_export.export(a.run, folder, a.trust)
    allowed = f"{onnx_export.TOLERANCE:g}"
    print(f"{folder}: differs from PyTorch by {difference:.1g} of the largest number (allowed: {allowed})")


def show(arguments: Sequence[str]) -> None:
    """Write a clip of a manifest as a GIF or MP4 with its skeleton map, or as OpenPose JSON."""
    parser = command_parser(show)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("clip", help="name of the clip in the manifest")
    parser.add_argument("--film", type=Path, help="GIF or MP4 file to write")
    parser.add_argument("--json", type=Path, help="folder for OpenPose JSON files")
    parser.add_argument("--first", type=int, default=0, help="film: first frame (default 0)")
    parser.add_argument("--frames", type=int, default=300, help="film: number of frames (default 300)")
    parser.add_argument("--every", type=int, default=2, help="film: 2, the default, takes every second frame")
    parser.add_argument("--height", type=int, default=240, help="film: height, px (default 240)")
    parser.add_argument("--img-size", type=int, default=28, help="film: side of the skeleton map, px (default 28)")
    add_pose_format_options(parser)
    a = parser.parse_args(arguments)
    if not (a.film or a.json):
        parser.error("nothing to do; name a film with --film, or a folder with --json")
    if min(a.first, a.frames - 1, a.every - 1) < 0:
        parser.error(f"--first {a.first} --frames {a.frames} --every {a.every}; allowed: 0, 1, 1 or more")
    import numpy as np

    from skelmap.data.rendering import MapSettings
    from skelmap.simulation.render import export_openpose_json, render_frames, write_video
    from skelmap.skeletons.manifest import read_manifest
    from skelmap.skeletons.readers import read_clip

    manifest = read_manifest(a.manifest, pose_format=pose_format(a))
    recording = next((r for r in manifest.recordings if r.clip == a.clip), None)
    if recording is None:
        raise UserError(f"clip {a.clip!r} is not in {a.manifest}")
    clip = read_clip(recording.path, a.clip, pose_format(a))
    if a.film:
        frames = np.arange(*clip.span, clip.step)[a.first : a.first + a.frames : a.every]
        images = render_frames(clip, frames, recording.labels(frames), MapSettings(img_size=a.img_size), a.height)
        write_video(a.film, images, clip.frame_rate / a.every)
    if a.json:
        print(f"{export_openpose_json(clip, a.json)} files in {a.json}")


def check(arguments: Sequence[str]) -> None:
    """Check the recordings of a manifest before training, or a trained run on damaged recordings (--stress RUN).

    Of a manifest: draws the typical frame of each recording and looks for wrong image sizes, joint orders and frame
    rates, exchanged joints, frames that are in two splits, and recordings that cannot be read. Exits with status 1 if a
    recording cannot be used.

    Of a run: judges its test recordings again with dropped joints and frames, jitter, lower frame rates, broken tracks
    and scenes of several people. Writes stress.json and figures/stress.png into the run's folder.
    """
    parser = command_parser(check)
    parser.add_argument("manifest", type=Path, nargs="?")
    parser.add_argument("--stress", type=Path, metavar="RUN", help="folder of a finished run, instead of a manifest")
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="of the run's own model")
    parser.add_argument("--out", type=Path, metavar="FILE", help="page to write (default outputs/check/NAME.html)")
    add_pose_format_options(parser)
    a = parser.parse_args(arguments)
    if (a.manifest is None) == (a.stress is None):
        parser.error("give either a manifest or --stress RUN")
    if a.stress:
        _stress(a.stress, a.trust)
        return
    from skelmap.evaluation.data_check import check_data, summary_lines, write_page
    from skelmap.skeletons.manifest import read_manifest
    from skelmap.skeletons.person_filter import PersonFilter
    from skelmap.utils.names import safe_filename

    manifest = read_manifest(a.manifest, pose_format=pose_format(a))
    found = check_data(manifest, pose_format(a), PersonFilter())
    page = a.out or Path("outputs/check") / f"{safe_filename(manifest.name)}.html"
    write_page(page, found)
    print("\n".join([*summary_lines(found), f"page: {page}"]))
    if found.problems:
        sys.exit(1)


def _stress(run: Path, trust: Sequence[str]) -> None:
    """Judge a run on damaged recordings and print the table."""
    from skelmap.robustness.stress import JSON_FILE, results_table, stress
    from skelmap.utils.io import stdout_console

    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("skelmap.robustness").setLevel(logging.INFO)
    for name in ("pytorch_lightning", "pytorch_lightning.utilities.rank_zero"):  # it says the same for each evaluation
        logging.getLogger(name).setLevel(logging.ERROR)
    stdout_console().print(results_table(stress(run, trust=trust), str(run)))
    print(f"{run / JSON_FILE}")


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    command.__name__: command
    for command in (extract, check, train, monitor, site, page, password, compare, refit, tune, export, show, simulate)
}
HELP = {"-h", "--help"}


def add_pose_format_options(parser: ArgumentParser) -> None:
    """Add the options --layout, --size, --fps and --coordinates, which `pose_format` reads."""
    from skelmap.skeletons.layouts import LAYOUTS

    group = parser.add_argument_group("properties of JSON recordings; .npz archives contain them")
    group.add_argument("--layout", choices=tuple(LAYOUTS), default="BODY_25", help="joint order (default BODY_25)")
    group.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar="PX", help="(default 640 480)")
    group.add_argument("--fps", type=float, default=30.0, help="frames a second (default 30)")
    units = ("pixels", "0..1", "-1..1")
    group.add_argument("--coordinates", choices=units, default="pixels", help="unit of x and y (default pixels)")


def pose_format(a: Namespace) -> "PoseFormat":
    """Take the options of `add_pose_format_options`."""
    from skelmap.skeletons.readers import make_pose_format

    return make_pose_format(a.layout, a.size, a.fps, a.coordinates)


def _help() -> str:
    """List the commands with the first line of their docstrings."""
    lines = [f"  {name:10}{(command.__doc__ or '').splitlines()[0]}" for name, command in COMMANDS.items()]
    return f"""usage: skelmap COMMAND ...

Find unusual actions of people in video. For recordings of real people:

  skelmap extract --normal work/ --abnormal falls/ --out site
  skelmap check site/manifest.csv
  skelmap train model=feature_knn data=manifest data.manifest=site/manifest.csv
  skelmap monitor checkpoint=RUN source=0 web.port=8000

commands:
{chr(10).join(lines)}

train, tune and monitor take KEY=VALUE arguments. skelmap COMMAND --help describes a command with all its keys;
eval "$(skelmap -sc install=bash)" completes them in the shell; skelmap --version prints the version."""


def _complete(arguments: Sequence[str]) -> None:
    """Answer Hydra's shell completion: the names of commands, then the keys of the command."""
    words = os.environ.get("COMP_LINE", "").split(" ")
    command = words[1] if len(words) > 2 else ""
    if len(words) == 2:
        print(" ".join(name for name in COMMANDS if name.startswith(words[1])))
    elif command in ("", "train", "tune", "monitor"):
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        COMMANDS["monitor" if command == "monitor" else "train"](["-sc", *arguments])
