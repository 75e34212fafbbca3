"""Measure how well single maps locate the joints: `python scripts/locate_joints.py MANIFEST --out FOLDER/NAME`.

Fits three estimators on the train split and measures their errors on the test split, for every combination of map size,
resampling, line unit and cut. Writes NAME.csv after every map setting, NAME.md and NAME.png at the end.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from localisation.evaluate import evaluate_localisation, map_settings
from localisation.report import error_figure, markdown, write_csv
from skelmap.cli import add_pose_format_options, pose_format
from skelmap.evaluation.plots.style import png
from skelmap.skeletons.manifest import read_manifest
from skelmap.utils.errors import UserError
from skelmap.utils.io import atomic_write


def main() -> None:
    """Parse the command line, measure, write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="path of the three files without file type")
    parser.add_argument("--img-size", type=int, nargs="+", default=[14, 20, 28, 40, 56, 80, 112])
    parser.add_argument("--resample", nargs="+", default=["bilinear", "area"])
    parser.add_argument("--line-unit", nargs="+", default=["source"], help="source (8 px) or map (0.467 px)")
    parser.add_argument("--crop-size", type=int, nargs="+", default=[480], help="side of the cut-out, source px")
    parser.add_argument("--frames", type=int, help="largest number of frames of each split, evenly spread (all)")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the network and the bootstrap (0)")
    add_pose_format_options(parser)
    try:
        run(parser.parse_args())
    except UserError as error:
        sys.exit(f"error: {error}")


def run(a: argparse.Namespace) -> None:
    """Measure the errors and write table and figure."""
    settings = map_settings(a.img_size, a.resample, a.line_unit, a.crop_size)
    if a.frames is not None and a.frames < 1:
        raise UserError(f"--frames {a.frames}; 1 or more is allowed")
    if a.seed < 0:
        raise UserError(f"--seed {a.seed}; 0 or more is allowed")
    results = evaluate_localisation(read_manifest(a.manifest), settings, a.frames, a.seed, pose_format(a))
    rows: list[dict[str, Any]] = []
    for of_setting in track(results, "locating joints", len(settings), console=Console(stderr=True)):
        rows += of_setting
        write_csv(rows, a.out.with_name(f"{a.out.name}.csv"))
    with atomic_write(a.out.with_name(f"{a.out.name}.md")) as file:
        file.write(markdown(rows))
    with atomic_write(a.out.with_name(f"{a.out.name}.png"), "wb") as file:
        file.write(png(error_figure(rows)))
    print(markdown(rows))


if __name__ == "__main__":
    main()
