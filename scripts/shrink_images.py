#!/usr/bin/env python3
"""Smaller copies of images in class folders, for experiments on a CPU: each pixel is the mean of a square.

Development only: pip install pillow, then

    python scripts/shrink_images.py cifar10 cifar10-16 --by 2

and `evenkeel train --data folder:cifar10-16`. What is there already is left as it is.
"""

import argparse
import pathlib

from PIL import Image


def shrink(source: pathlib.Path, target: pathlib.Path, by: int) -> None:
    with Image.open(source) as image:
        if image.width % by or image.height % by:
            raise SystemExit(f"{source} is {image.width} × {image.height}: not a multiple of {by}")
        # Under a name of its own until it is whole.
        unfinished = target.with_suffix(".part")
        image.reduce(by).save(unfinished, format="PNG")
    unfinished.rename(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("target", type=pathlib.Path)
    parser.add_argument("--by", type=int, default=2, metavar="N", help="how many times smaller (default: 2)")
    given = parser.parse_args()
    kinds = (".jpg", ".jpeg", ".png")
    images = sorted(path for path in given.source.rglob("*") if path.suffix.lower() in kinds)
    if given.by < 1:
        parser.error(f"--by is {given.by}: 1 or more")
    if not images:
        parser.error(f"no images in {given.source}")
    for source in images:
        target = (given.target / source.relative_to(given.source)).with_suffix(".png")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shrink(source, target, given.by)


if __name__ == "__main__":
    main()
