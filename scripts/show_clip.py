"""Show a clip of a manifest: as a GIF or MP4 with its skeleton map, or as OpenPose JSON.

`python scripts/show_clip.py MANIFEST CLIP --film clip.gif` or `... --json FOLDER`.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

from skelmap.cli_options import add_json_options, json_format
from skelmap.data.rendering import MapSettings
from skelmap.simulation.render import export_openpose_json, render_frames, write_video
from skelmap.skeletons.manifest import read_manifest
from skelmap.skeletons.readers import read_clip
from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and show the clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("clip", help="its name in the manifest")
    parser.add_argument("--film", type=Path, help="a .gif or .mp4 to write")
    parser.add_argument("--json", type=Path, help="a folder for OpenPose JSON files")
    parser.add_argument("--first", type=int, default=0, help="film: first frame")
    parser.add_argument("--frames", type=int, default=300, help="film: number of frames")
    parser.add_argument("--every", type=int, default=2, help="film: 2 takes every second frame")
    parser.add_argument("--height", type=int, default=240, help="film: height, px")
    parser.add_argument("--img-size", type=int, default=28, help="film: side of the skeleton map, px")
    add_json_options(parser)
    a = parser.parse_args()
    if not (a.film or a.json):
        parser.error("nothing to do; name a film with --film, or a folder with --json")
    try:
        show(a)
    except UserError as error:
        sys.exit(f"error: {error}")


def show(a: argparse.Namespace) -> None:
    """Write what was asked for."""
    found = [r for r in read_manifest(a.manifest).recordings if r.clip == a.clip]
    if not found:
        raise UserError(f"clip {a.clip!r} is not in {a.manifest}")
    clip = read_clip(found[0].path, a.clip, json_format(a))
    if a.film:
        pictures = render_frames(clip, found[0].labels(clip.frame), MapSettings(img_size=a.img_size), a.height)
        write_video(a.film, islice(pictures, a.first, a.first + a.frames, a.every), clip.fps / a.every)
    if a.json:
        print(f"{export_openpose_json(clip, a.json)} files in {a.json}")


if __name__ == "__main__":
    main()
