# SPDX-License-Identifier: Apache-2.0
"""The questions of `benches/query.rs`, asked of DuckDB and of numpy.

    peers.py prepare|duckdb|numpy INSTALL

Each question is asked twice. Prints the seconds of the second time in one line, and the ids of the first in
the next. Reading of files is part of every question, starting Python is not.
"""

import glob
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

DIMENSION = 128
CHUNK = 4096
QUERY = (1 + np.arange(DIMENSION) / DIMENSION).astype("f4")


def segments(install):
    folders = sorted(glob.glob(os.path.join(install, "tables", "big", "*")))
    return [(glob.glob(f + "/*.uid")[0], glob.glob(f + "/*.rv")[0]) for f in folders]


def ids_of(path):
    return np.memmap(path, "<i8", "r", 8)


def vectors_of(path):
    return np.memmap(path, "<f4", "r", 8).reshape(-1, DIMENSION)


def prepare(install):
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32(), DIMENSION))])
    with pq.ParquetWriter(os.path.join(install, "big.parquet"), schema, compression="none", use_dictionary=False) as out:
        for uid, rv in segments(install):
            ids, vectors = ids_of(uid), vectors_of(rv)
            for at in range(0, len(ids), 1 << 17):
                flat = pa.array(vectors[at : at + (1 << 17)].reshape(-1))
                rows = [pa.array(ids[at : at + (1 << 17)]), pa.FixedSizeListArray.from_arrays(flat, DIMENSION)]
                out.write_table(pa.Table.from_arrays(rows, schema=schema))


def wanted(rows):
    return rows // 2 + 7


def ask_numpy(install):
    """Exact distances in float32, chunks that stay in the cache, all cores."""

    def nearest(segment):
        ids, vectors = ids_of(segment[0]), vectors_of(segment[1])
        distances = np.empty(len(ids), "f4")
        for at in range(0, len(ids), CHUNK):
            rest = vectors[at : at + CHUNK] - QUERY
            np.einsum("ij,ij->i", rest, rest, out=distances[at : at + CHUNK])
        best = np.argpartition(distances, 10)[:10]
        # The best are compared exactly, so that the order is one of exact distances.
        exact = np.sqrt(((vectors[best].astype("f8") - QUERY) ** 2).sum(1))
        return list(zip(exact.tolist(), ids[best].tolist()))

    def top(pool):
        found = sum(pool.map(nearest, segments(install)), [])
        return [id for _, id in sorted(found)[:10]]

    def row(_):
        id = wanted(sum(len(ids_of(uid)) for uid, _ in segments(install)))
        for uid, rv in segments(install):
            for at in np.nonzero(ids_of(uid) == id)[0]:
                return np.array(vectors_of(rv)[at])

    def count(_):
        return sum(len(ids_of(uid)) for uid, _ in segments(install))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [timed(question, pool) for question in (top, row, count)]


def ask_duckdb(install):
    import duckdb

    db = duckdb.connect()
    table = f"read_parquet('{install}/big.parquet')"
    vector = f"vector::FLOAT[{DIMENSION}]"
    query = f"{QUERY.tolist()}::FLOAT[{DIMENSION}]"
    rows = db.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
    questions = (
        f"SELECT id FROM {table} ORDER BY array_distance({vector}, {query}), id LIMIT 10",
        f"SELECT id, vector FROM {table} WHERE id = {wanted(rows)}",
        f"SELECT count(*) FROM {table}",
    )
    answers = [timed(lambda sql: db.sql(sql).fetchall(), sql) for sql in questions]
    return [([id for (id,) in answers[0][0]], answers[0][1]), *answers[1:]]


def timed(question, argument):
    question(argument)
    start = time.perf_counter()
    answer = question(argument)
    return answer, time.perf_counter() - start


def main():
    what, install = sys.argv[1:]
    if what == "prepare":
        prepare(install)
        return
    answers = {"numpy": ask_numpy, "duckdb": ask_duckdb}[what](install)
    print(*(f"{seconds:.6f}" for _, seconds in answers))
    print(*answers[0][0])


main()
