"""`python -m skelmap COMMAND ...`, the same as `skelmap COMMAND ...`."""

from skelmap.cli import main

if __name__ == "__main__":
    main()
