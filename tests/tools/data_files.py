#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads ids and vectors from data files with numpy and pyarrow alone, and prints their digests.

  data_files.py PATH…

A PATH is a file .parquet, .arrow, .csv, .json or .ndjson with the columns `id` and
`vector`, or a folder with `id.npy` and `vector.npy`. Names may go on with `.gz`.

Prints a JSON object whose keys are the paths, and whose values the digests.
"""

import csv
import gzip
import io
import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet

import digests as d


def rows_of(path):
    if os.path.isdir(path):
        if sorted(os.listdir(path)) != ["id.npy", "vector.npy"]:
            sys.exit(f"{path}: other files than id.npy and vector.npy: {os.listdir(path)}")
        return (np.load(os.path.join(path, name), allow_pickle=False) for name in ["id.npy", "vector.npy"])
    with open(path, "rb") as file:
        stored = file.read()
    stem, ending = os.path.splitext(path)
    if ending == ".gz":
        stored, ending = gzip.decompress(stored), os.path.splitext(stem)[1]
    return READERS[ending](stored)


def parquet(stored):
    return of_table(pa.parquet.read_table(io.BytesIO(stored)))


def arrow(stored):
    return of_table(pa.ipc.open_file(io.BytesIO(stored)).read_all())


def of_table(table):
    if table.column_names != ["id", "vector"] or table.schema.field("id").type != pa.int64():
        sys.exit(f"other columns than `id` and `vector`: {table.schema}")
    vectors, kind = table["vector"].combine_chunks(), table.schema.field("vector").type
    if pa.types.is_fixed_size_binary(kind):
        values = np.frombuffer(b"".join(vectors.to_pylist()), "u1").reshape(-1, kind.byte_width)
    elif pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32():
        values = vectors.flatten().to_numpy().reshape(-1, kind.list_size)
    else:
        sys.exit(f"vectors are {kind}")
    return table["id"].to_numpy(), values


def of_objects(rows):
    return np.array([int(row["id"]) for row in rows], "<i8"), np.array([of_text(row["vector"]) for row in rows])


def of_text(vector):
    """Numbers, or the bytes of hexadecimal digits."""
    if isinstance(vector, list):
        return np.array(vector, "<f4")
    return np.frombuffer(bytes.fromhex(vector), "u1")


def of_csv(stored):
    rows = list(csv.DictReader(io.StringIO(stored.decode())))
    for row in rows:
        if row["vector"].startswith("["):
            row["vector"] = json.loads(row["vector"])
    return of_objects(rows)


READERS = {
    ".parquet": parquet,
    ".arrow": arrow,
    ".csv": of_csv,
    ".json": lambda stored: of_objects(json.loads(stored)),
    ".ndjson": lambda stored: of_objects([json.loads(line) for line in stored.splitlines()]),
}


if __name__ == "__main__":
    print(json.dumps({path: d.digests(*rows_of(path)) for path in sys.argv[1:]}))
