#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files that numpy writes and m2m reads, and what numpy says of them.

  numpy_tables.py types FOLDER          writes <name>.npy of every dtype, stored.npz and deflated.npz with the same
                                        arrays, and <name>.json: the bytes, or the strings, that a table should have;
                                        a scalar and an empty array below others
  numpy_tables.py refused FOLDER        writes one file of each kind that is no table
  numpy_tables.py large FOLDER ROWS     writes id.npy and half.npy of so many rows, stored.npz and deflated.npz with both
  numpy_tables.py nearest FOLDER K      reads id.npy and vector.npy below FOLDER, writes query.npy with one vector and
                                        queries.npy with three, and prints the nearest K ids and distances of each
"""

import json
import sys
from pathlib import Path

import numpy as np

ROWS = 5


def extremes(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        values = [True, False, True, True, False]
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = [info.min, info.max, 0, 1, info.max // 3]
    elif dtype.kind == "f":
        info = np.finfo(dtype)
        values = [info.min, info.max, info.smallest_subnormal, -0.0, np.nan]
    elif dtype.kind == "S":
        values = [b"", b"a", b"a\0b", b"\xff\xfe", b"12345678"]
    elif dtype.kind == "U":
        values = ["", "a", "ü\0ß", "\U0010ffff", "漢字かな交じり文"]
    elif dtype.str[1:] == "M8[D]":
        values = ["1970-01-01", "NaT", "0001-01-01", "9999-12-31", "2000-02-29"]
    else:
        # The least number of all is NaT.
        info = np.iinfo("i8")
        times = np.array([0, info.min, info.max, -1, 10**9], "i8")
        return times.view(dtype.newbyteorder("=")).astype(dtype)
    return np.array(values, dtype)


def arrays():
    units = ["M8[D]"] + [f"{kind}8[{unit}]" for kind in "Mm" for unit in ["s", "ms", "us", "ns"]]
    of_two_orders = ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8", "U8"] + units
    for dtype in ["b1", "i1", "u1", "S8"] + [order + dtype for dtype in of_two_orders for order in "<>"]:
        array = extremes(dtype)
        name = "".join(letter if letter.isalnum() else {"<": "l", ">": "b"}.get(letter, "_") for letter in dtype)
        yield "of_" + name, array
        yield "wide_" + name, np.stack([array, array[::-1], array], axis=1).astype(dtype)
        yield "cube_" + name, np.stack([np.stack([array, array[::-1]], axis=1)] * 2, axis=1).astype(dtype)


def expected(array):
    nulls = int(np.isnat(array).sum()) if array.dtype.kind in "mM" else 0
    flat = np.ascontiguousarray(array).reshape(-1)
    if array.dtype.kind in "SU":
        texts = [text.encode("utf-8") if isinstance(text, str) else bytes(text) for text in flat.tolist()]
        return {"strings": [text.hex() for text in texts], "shape": array.shape, "nulls": nulls}
    if array.dtype.str[1:] == "M8[D]":
        days = np.where(np.isnat(flat), 0, flat.astype("i8")).astype("<i4")
        return {"bytes": days.tobytes().hex(), "shape": array.shape, "nulls": nulls}
    little = flat.astype(flat.dtype.newbyteorder("<"))
    return {"bytes": little.tobytes().hex(), "shape": array.shape, "nulls": nulls}


def types(folder):
    all_arrays = dict(arrays())
    for name, array in all_arrays.items():
        np.save(folder / f"{name}.npy", array)
        (folder / f"{name}.json").write_text(json.dumps(expected(array)))
    np.savez(folder / "stored.npz", **all_arrays)
    np.savez_compressed(folder / "deflated.npz", **all_arrays)
    with open(folder / "version2.npy", "wb") as file:
        np.lib.format.write_array(file, extremes("<i8"), version=(2, 0))
    with open(folder / "version3.npy", "wb") as file:
        np.lib.format.write_array(file, extremes("<i8"), version=(3, 0))
    others = folder / "others"
    others.mkdir()
    np.save(others / "scalar.npy", np.int64(7))
    np.save(others / "none.npy", np.zeros((0, 4), "f4"))


def refused(folder):
    np.save(folder / "complex.npy", np.ones(2, "c16"))
    np.save(folder / "object.npy", np.array([{}, 1], object), allow_pickle=True)
    np.save(folder / "structured.npy", np.zeros(2, [("a", "i4"), ("b", "f8", (2,))]))
    np.save(folder / "void.npy", np.zeros(2, "V3"))
    np.save(folder / "long.npy", np.zeros(2, "longdouble"))
    np.save(folder / "fortran.npy", np.asfortranarray(np.ones((2, 2))))
    np.save(folder / "weeks.npy", np.zeros(2, "M8[W]"))
    np.save(folder / "tens.npy", np.zeros(2, "M8[10s]"))
    np.save(folder / "unitless.npy", np.zeros(2, "M8"))
    np.save(folder / "nothing.npy", np.zeros((3, 0)))


def large(folder, rows):
    ids = np.arange(rows)
    half = np.stack([ids / 2, ids / -2], axis=1)
    np.save(folder / "id.npy", ids)
    np.save(folder / "half.npy", half)
    np.savez(folder / "stored.npz", half=half, id=ids)
    np.savez_compressed(folder / "deflated.npz", half=half, id=ids)


def nearest(folder, k):
    ids = np.concatenate([np.load(path) for path in sorted(folder.rglob("id.npy"))])
    vectors = np.concatenate([np.load(path) for path in sorted(folder.rglob("vector.npy"))])
    random = np.random.default_rng(7)
    queries = vectors[[0, len(vectors) // 2, -1]]
    if vectors.dtype == np.uint8:
        queries = queries ^ random.choice(np.array([0, 1, 128], "u1"), queries.shape)
    else:
        queries = queries + random.normal(0, vectors.std() / 10, queries.shape).astype("f4")
    np.save(folder / "query.npy", queries[:1])
    np.save(folder / "queries.npy", queries)
    np.savez_compressed(folder / "queries.npz", id=np.arange(3), query=queries)
    answers = []
    for query in queries:
        distances = hamming(vectors, query) if vectors.dtype == np.uint8 else euclidean(vectors, query)
        order = np.lexsort((ids, distances))[:k]
        answers.append([[int(ids[row]), float(distances[row])] for row in order])
    print(json.dumps(answers))


def hamming(vectors, query):
    return np.unpackbits(vectors ^ query, axis=1).sum(axis=1)


def euclidean(vectors, query):
    return np.sqrt(((vectors.astype("f8") - query.astype("f8")) ** 2).sum(axis=1))


def main():
    what, folder, *rest = sys.argv[1:]
    {"types": types, "refused": refused, "large": large, "nearest": nearest}[what](Path(folder), *map(int, rest))


if __name__ == "__main__":
    main()
