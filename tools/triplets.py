"""Draws the course's figure of 6 x 3 images (`000`): real, translated, and translated back.

    python tools/triplets.py RUN docs/NAME.png [--direction=AtoB]

RUN is a run of CycleGAN; the images are of its test part, spread over it.
"""

import argparse
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import kgan
from kgan.data.pipeline import to_domain
from kgan.plots import grids
from kgan.runs.folder import open_run
from kgan.training import loop

ROWS = 6
BACK = {"AtoB": "BtoA", "BtoA": "AtoB"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--direction", choices=BACK, default="AtoB")
    given = parser.parse_args()
    model = kgan.load(given.run)
    collection, _ = loop.open_collection(open_run(given.run).settings())
    part = collection.parts[f"test_{given.direction[0].lower()}"]
    chosen = np.linspace(0, len(part) - 1, ROWS).astype(int)
    real = to_domain(np.stack([part.read(int(index))["image"] for index in chosen])).numpy()
    translated = model.ways[given.direction].translate(real)
    returned = model.ways[BACK[given.direction]].translate(translated)
    rows = np.stack([real, translated, returned], axis=1)
    grids.image_grid(rows, ("real", given.direction[-1], "and back")).save(given.out, optimize=True)


if __name__ == "__main__":
    main()
