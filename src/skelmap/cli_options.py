"""What JSON recordings do not say, as options of the scripts that read a manifest without a configuration."""

from argparse import ArgumentParser, Namespace

from skelmap.skeletons.layouts import LAYOUTS
from skelmap.skeletons.readers import PoseFormat


def add_json_options(parser: ArgumentParser) -> None:
    """Let a command line say what its JSON recordings do not."""
    known, group = PoseFormat(), parser.add_argument_group("what JSON recordings do not say; .npz archives do")
    group.add_argument("--layout", choices=tuple(LAYOUTS), default=known.layout.name, help="the joints' order")
    group.add_argument("--size", type=int, nargs=2, default=known.size, metavar="PX", help="width and height")
    group.add_argument("--fps", type=float, default=known.fps, help="frames a second")


def json_format(a: Namespace) -> PoseFormat:
    """Take the options of `add_json_options`."""
    return PoseFormat(LAYOUTS[a.layout], (a.size[0], a.size[1]), a.fps)
