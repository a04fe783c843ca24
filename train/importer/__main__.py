"""Import images in class folders, or FER-2013 as it is downloaded, into the layout that training reads.

    python -m train.importer fer2013.zip --votes ferplus_votes.csv --output data/fer2013

The source is a zip or a folder of class folders, or fer2013.csv.
"""

import argparse
import signal
import sys
from pathlib import Path

from edge.app.arguments import whole_number
from edge.base.errors import exit_on_user_error
from train.importer.archive import MAX_BYTES
from train.importer.build import import_data
from train.importer.numbers import ORDERS
from train.importer.report import report


def main() -> int:
    """Import from the command line and print the report."""
    parser = argparse.ArgumentParser(prog="python -m train.importer", description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="zip or folder of class folders, or fer2013.csv")
    parser.add_argument("--votes", type=Path, metavar="FERPLUS.csv", help="FER+ votes, sidecar or fer2013new.csv")
    parser.add_argument(
        "--classes",
        metavar="NAMES",
        help="meaning of numbered classes: names in the order of the numbers (neutral,happy,…), pairs "
        f"(0=neutral,1=happy,…), or a data set with the same order ({', '.join(ORDERS)}); or the folders to take",
    )
    parser.add_argument("--output", type=Path, default=Path("data/fer2013"), help="default: %(default)s")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="seed of the split, default: %(default)s")
    parser.add_argument(
        "--max-bytes", type=whole_number(0), default=MAX_BYTES, help="a zip's limit, default: %(default)s"
    )
    args = parser.parse_args()
    # A terminated import cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    record = import_data(args.source, args.output, args.votes, args.seed, args.max_bytes, args.classes)
    print(report(record))
    print(f"written to {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_on_user_error(main))
