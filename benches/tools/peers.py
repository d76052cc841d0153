# SPDX-License-Identifier: Apache-2.0
"""What others need for the jobs of `benches/suite.rs`.

    peers.py versions
    peers.py prepare INSTALL                                    the rows as Parquet, for duckdb
    peers.py duckdb|numpy INSTALL                               the questions
    peers.py dump|dump-even|dump-parquet INSTALL OUT DIM KIND   KIND: float or binary
    peers.py upload FOLDER BUCKET PREFIX                        every import file of a dump
    peers.py import BUCKET PREFIX                               the file sets of a dump, by pymilvus
    peers.py verify INSTALL DATABASE                            every row in Milvus, by pymilvus

A job prints its seconds in the first line, without the start of Python and what it imports, and then what it came
to. Each question is asked twice, and the second time counts.
"""

import glob
import json
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


def dump(install, out, dimension, kind):
    """The import files of each segment, as someone writes them who knows numpy."""

    def one(segment):
        ids, vectors = live(segment, int(dimension), kind)
        folder = folder_of(out, segment)
        np.save(os.path.join(folder, "id.npy"), ids)
        np.save(os.path.join(folder, "vector.npy"), vectors)

    return at_once(one, install)


def dump_even(install, out, dimension, kind):
    def one(segment):
        ids, vectors = live(segment, int(dimension), kind)
        even = ids % 2 == 0
        folder = folder_of(out, segment)
        np.save(os.path.join(folder, "id.npy"), ids[even])
        np.save(os.path.join(folder, "vector.npy"), vectors[even])

    return at_once(one, install)


def dump_parquet(install, out, dimension, kind):
    import pyarrow as pa
    import pyarrow.parquet as pq

    dimension = int(dimension)
    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32()))])

    def one(segment):
        ids, vectors = live(segment, dimension, kind)
        path = os.path.join(folder_of(out, segment), "rows.parquet")
        with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
            for at in range(0, len(ids), 1 << 14):
                some = vectors[at : at + (1 << 14)]
                offsets = pa.array(np.arange(len(some) + 1, dtype="i4") * dimension)
                lists = pa.ListArray.from_arrays(offsets, pa.array(some.reshape(-1)))
                writer.write_table(pa.Table.from_arrays([pa.array(ids[at : at + (1 << 14)]), lists], schema=schema))

    seconds, _ = at_once(one, install)
    return seconds, ""


def live(segment, dimension, kind):
    """Ids and vectors of a segment, read as a whole, without the rows that are deleted."""
    ids = np.fromfile(segment[0], "<i8", offset=8)
    element, width = ("u1", dimension // 8) if kind == "binary" else ("<f4", dimension)
    vectors = np.fromfile(segment[1], element, offset=8).reshape(-1, width)
    deleted = np.fromfile(os.path.join(os.path.dirname(segment[0]), "deleted_docs"), "<i4", offset=8)
    if len(deleted) == 0:
        return ids, vectors
    kept = np.ones(len(ids), bool)
    kept[deleted] = False
    return ids[kept], vectors[kept]


def folder_of(out, segment):
    folder = os.path.join(out, os.path.basename(os.path.dirname(segment[0])))
    os.makedirs(folder)
    return folder


def at_once(one, install):
    """Does every segment, on all cores."""
    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, segments(install)))
    return time.perf_counter() - start, ""


def upload(folder, bucket, prefix):
    store = minio()
    files = glob.glob(os.path.join(folder, "**", "*.npy"), recursive=True)

    def one(path):
        store.fput_object(bucket, f"{prefix}/{os.path.relpath(path, folder)}", path, part_size=8 << 20)

    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(one, files))
    return time.perf_counter() - start, ""


def minio():
    from minio import Minio

    endpoint = os.environ["M2M_S3_ENDPOINT"].removeprefix("http://")
    keys = {"access_key": os.environ["M2M_S3_ACCESS_KEY"], "secret_key": os.environ["M2M_S3_SECRET_KEY"]}
    return Minio(endpoint, secure=False, region="us-east-1", **keys)


def import_files(bucket, prefix):
    """The same files that a dump wrote, with no more than Milvus needs: create, import, index, load."""
    from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, utility

    connections.connect(uri=os.environ["M2M_MILVUS"], timeout=10)
    manifest = json.loads(minio().get_object(bucket, f"{prefix}/manifest.json").read())
    (collection,) = manifest["collections"]
    sets = [one for partition in collection["partitions"] for one in partition["sets"]]
    fields = [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIMENSION)]
    start = time.perf_counter()
    name = "bench_peer"
    if utility.has_collection(name):
        utility.drop_collection(name)
    target = Collection(name, CollectionSchema(fields))
    jobs = [utility.do_bulk_insert(name, [f"{prefix}/{file['path']}" for file in one["files"]]) for one in sets]
    for job in jobs:
        while (state := utility.get_bulk_insert_state(job)).state_name != "Completed":
            if state.failed_reason:
                sys.exit(f"import failed: {state.failed_reason}")
            time.sleep(0.2)
    target.create_index("vector", {"index_type": "FLAT", "metric_type": "L2", "params": {}})
    utility.wait_for_index_building_complete(name)
    target.load()
    return time.perf_counter() - start, ""


def forget(database):
    """Drops the collections of a database, when it is there."""
    from pymilvus import connections, db, utility

    connections.connect(uri=os.environ["M2M_MILVUS"], timeout=10)
    if database in db.list_database():
        db.using_database(database)
        for name in utility.list_collections():
            utility.drop_collection(name)


def verify(install, database):
    """Reads every row back by its id and compares it bit for bit."""
    from pymilvus import Collection, connections

    connections.connect(uri=os.environ["M2M_MILVUS"], db_name=database, timeout=10)
    target = Collection("big")
    start = time.perf_counter()
    for segment in segments(install):
        ids, vectors = live(segment, DIMENSION, "float")
        for at in range(0, len(ids), CHUNK):
            some = ids[at : at + CHUNK].tolist()
            rows = target.query(f"id in {some}", output_fields=["id", "vector"], consistency_level="Strong")
            rows.sort(key=lambda row: row["id"])
            order = np.argsort(some)
            if [row["id"] for row in rows] != np.array(some)[order].tolist():
                sys.exit("ids differ")
            found = np.array([row["vector"] for row in rows], "f4")
            if found.tobytes() != vectors[at : at + CHUNK][order].tobytes():
                sys.exit("vectors differ")
    return time.perf_counter() - start, ""


def versions():
    from importlib.metadata import version

    names = ("numpy", "duckdb", "pyarrow", "pymilvus", "minio")
    print("Python " + sys.version.split()[0], *(f"{name} {version(name)}" for name in names), sep=", ")


JOBS = {
    "dump": dump,
    "dump-even": dump_even,
    "dump-parquet": dump_parquet,
    "upload": upload,
    "import": import_files,
    "verify": verify,
}


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "versions":
        versions()
    elif what == "prepare":
        prepare(*arguments)
    elif what == "forget":
        forget(*arguments)
    elif what in JOBS:
        seconds, result = JOBS[what](*arguments)
        print(f"{seconds:.6f}\n{result}")
    else:
        answers = {"numpy": ask_numpy, "duckdb": ask_duckdb}[what](*arguments)
        print(*(f"{seconds:.6f}" for _, seconds in answers))
        print(*answers[0][0])


main()
