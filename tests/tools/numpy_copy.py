#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a folder of NumPy arrays with numpy alone, and checks statements about them.

  numpy_copy.py FOLDER [STATEMENT…]

The folder holds `.npy` files and nothing else, each the same bytes that numpy
saves for what it reads there. A statement is a Python expression in which every
file is an array by its name, `np` is numpy and `d` the module of digests; it must
be true.

Exit: 0 all are true, 1 one is not.
"""

import io
import os
import sys

import numpy as np

import digests as d


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        stored = file.read()
    array = np.load(io.BytesIO(stored), allow_pickle=False)
    again = io.BytesIO()
    np.save(again, array)
    if again.getvalue() != stored:
        sys.exit(f"{name}: other bytes than numpy saves: {stored[:128]!r} for {again.getvalue()[:128]!r}")
    return array


def main():
    folder, *statements = sys.argv[1:]
    arrays = {}
    for name in sorted(os.listdir(folder)):
        stem, ending = os.path.splitext(name)
        if ending != ".npy":
            sys.exit(f"{name}: not a NumPy file")
        arrays[stem] = read(folder, name)
    for statement in statements:
        if not eval(statement, {"np": np, "d": d, **arrays}):
            kinds = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
            sys.exit(f"not so: {statement}\n{kinds}")


if __name__ == "__main__":
    main()
