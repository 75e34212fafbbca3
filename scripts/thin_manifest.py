"""Write a manifest with every n-th clip of another one, to evaluate on a long test split in less time.

`python scripts/thin_manifest.py MANIFEST OUT.csv --split test --every 6` keeps the 1st, 7th, 13th, ... normal clip of
the split, and likewise of its abnormal ones; other splits stay as they are. Paths outside the folder of OUT.csv become
absolute.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from skelmap.skeletons.manifest import read_manifest, write_manifest
from skelmap.utils.errors import UserError


def main() -> None:
    """Parse the command line and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", choices=("train", "val", "test"), default="test", help="split to thin (test)")
    parser.add_argument("--every", type=int, required=True, metavar="N", help="keep the first of every N clips")
    a = parser.parse_args()
    if a.every < 1:
        parser.error(f"--every {a.every}; allowed: a whole number of at least 1")
    try:
        count = thin_manifest(a.manifest, a.out, a.split, a.every)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{a.out}: {count} clips")


def thin_manifest(manifest: Path, out: Path, split: str, every: int) -> int:
    """Write the thinned manifest; give its number of clips.

    Raises:
        UserError: the manifest is damaged, or the output cannot be written.
    """
    seen: Counter[bool] = Counter()
    kept = []
    for recording in read_manifest(manifest).recordings:
        if recording.split == split:
            abnormal = recording.abnormal != ()
            seen[abnormal] += 1
            if seen[abnormal] % every != 1 % every:
                continue
        kept.append(recording)
    write_manifest(out, kept)
    return len(kept)


if __name__ == "__main__":
    main()
