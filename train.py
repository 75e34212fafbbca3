"""Train and evaluate a model: `python train.py KEY=VALUE ...`, the same as `skelmap train KEY=VALUE ...`."""

import sys

from skelmap.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
