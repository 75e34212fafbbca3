"""Write manifests without their test split, for model selection by cross-validation.

`python scripts/development_manifests.py FOLDER/manifest_throw.csv ... --out OUT` writes OUT/manifest_throw.csv with the
recordings of splits train and val. If there are labelled examples in FOLDER/examples_throw.csv, they are written to
OUT/examples_throw.csv, with "_labelled" after the names of clips that stand in both. Paths outside OUT become absolute.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from skelmap.skeletons.manifest import Manifest, read_manifest, write_manifest
from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and write the manifests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", nargs="+", type=Path, help="manifest of each task")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    a = parser.parse_args()
    try:
        for path in a.manifests:
            write_development_manifest(path, a.out)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{a.out}: {len(a.manifests)} tasks")


def write_development_manifest(path: Path, folder: Path) -> None:
    """Write the manifest without its test split, and the labelled examples beside it.

    Raises:
        UserError: an input cannot be read, shows people of the test split, or would be overwritten.
    """
    manifest = read_manifest(path)
    if folder.resolve() == path.resolve().parent:
        raise UserError(f"--out {folder}: {path} would be overwritten; allowed is another folder")
    kept = [r for r in manifest.recordings if r.split != "test"]
    beside = path.with_name(path.name.replace("manifest", "examples", 1))
    if beside != path and beside.exists():
        _write_examples(read_manifest(beside, is_dealt=True), manifest, folder / beside.name)
    write_manifest(folder / path.name, kept)


def _write_examples(examples: Manifest, manifest: Manifest, out: Path) -> None:
    """Write labelled examples with names that differ from those of the manifest's clips."""
    judged = {r.group for r in manifest.split("test")} & {r.group for r in examples.recordings}
    if judged:
        raise UserError(f"{examples.path}: group {min(judged)} is in split test of {manifest.path}")
    names = {r.clip for r in manifest.recordings}
    write_manifest(
        out, [replace(r, clip=f"{r.clip}_labelled" if r.clip in names else r.clip) for r in examples.recordings]
    )


if __name__ == "__main__":
    main()
