#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the seeds of the fuzz targets from the installations of tests/fixtures.

    make_seeds.py            writes seeds/TARGET/NAME

The seeds are small and belong to the repository; this says where they come from, and
makes them again when the layout of an input changes. Inputs that found something are
added beside them by hand, and are kept.
"""

import io
import json
import pathlib
import random
import sqlite3
import struct
import subprocess
import tempfile
import zipfile

HERE = pathlib.Path(__file__).parent
FIXTURES = HERE.parent / "fixtures"


def part(data):
    """A part of an input, with its length before it."""
    return struct.pack("<H", len(data)) + data


def write(target, name, data):
    folder = HERE / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def counted(payload):
    return struct.pack("<Q", len(payload)) + payload


def segments(root):
    """The smallest segments of an installation, with all their files."""
    found = sorted((path.stat().st_size, path) for path in root.glob("db/tables/*/*/*.uid"))
    return [path.parent for size, path in found if 8 < size < 300]


def of_segments(root):
    for number, folder in enumerate(segments(root)[:4]):
        uid, rv = (next(folder.glob(f"*.{ending}")).read_bytes() for ending in ("uid", "rv"))
        deleted, bloom = (folder / "deleted_docs").read_bytes(), folder / "bloom_filter"
        rows = (len(uid) - 8) // 8
        width = (len(rv) - 8) // rows
        for element, dimension in ((0, width // 4), (1, width * 8)):
            write("segment", f"{number}-{element}", struct.pack("<BH", element, dimension) + part(uid) + part(deleted) + rv)
        write("deleted_docs", str(number), struct.pack("<HH", rows, 7) + deleted)
        write("vectors", str(number), rv[8:200])
        if bloom.exists() and bloom.stat().st_size < 4000:
            write("bloom_filter", str(number), uid[8:16] + bloom.read_bytes())
    write("deleted_docs", "tail", struct.pack("<HH", 9, 3) + counted(struct.pack("<3i", 8, 0, 0)) + b"left over")
    write("segment", "empty", struct.pack("<BH", 0, 4) + part(counted(b"")) + part(counted(b"")) + counted(b""))


def of_log(root):
    position = (root / "wal/mxlog.meta").read_bytes()
    for path in (root / "wal").glob("*.wal"):
        data = path.read_bytes()[:2000]
        write("wal", path.name, bytes([int(path.stem)]) + part(position) + data)
        write("log", path.name, part(position) + part(data) + part(b""))
    # A log of its own: inserts, a delete and a flush, and the rows that they are of.
    records, end = b"", 0
    for kind, collection, tag, rows, data in ((2, b"c", b"", 2, 32), (3, b"c", b"tag", 1, 0), (5, b"", b"", 0, 0)):
        end += 21 + len(collection) + len(tag) + 8 * rows + data
        records += struct.pack("<QBHHII", 1 << 32 | end, kind, len(collection), len(tag), rows, data)
        records += collection + tag + bytes(8 * rows + data)
    applied = struct.pack("<3Q", 0, 1 << 32 | end, 1 << 32 | end)
    write("wal", "three", b"\x01" + part(applied) + records)
    row = bytes([0, 0, 0, 6, 0, 0, 0, 1, 2, 1, 2, 2, 2, 0])
    write("log", "three", part(applied) + part(records) + part(b"") + b"\x01" + row)


def of_metadata(root):
    source = sqlite3.connect(root / "db/meta.sqlite")
    with tempfile.TemporaryDirectory() as folder:
        for name, limit in (("three", 3), ("whole", 1000)):
            path = pathlib.Path(folder) / name
            small = sqlite3.connect(path)
            small.execute("PRAGMA page_size = 512")
            for table, sql in source.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"):
                small.execute(sql)
                for values in source.execute(f"SELECT * FROM {table} LIMIT {limit}"):
                    small.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(values))})", values)
            small.commit()
            small.close()
            if path.stat().st_size < 10_000:
                write("meta_file", name, part(b"") + path.read_bytes())
        # Rows that stand in the log of the database.
        path = pathlib.Path(folder) / "logged"
        logged = sqlite3.connect(path)
        for pragma in ("page_size = 512", "journal_mode = WAL", "wal_autocheckpoint = 0"):
            logged.execute(f"PRAGMA {pragma}")
        logged.executescript("CREATE TABLE Environment (global_lsn); INSERT INTO Environment VALUES (0);")
        wal = pathlib.Path(f"{path}-wal").read_bytes()
        write("meta_file", "logged", part(wal) + path.read_bytes())
    for name in ("test1w", "install-1.1.1"):
        for path in root.parent.glob(f"{name}/**/meta.json"):
            write("meta_json", name, path.read_bytes())
    segment = {"collection": "33", "segment": "7", "dim": 8, "rows": 2, "fileSize": 80, "fileTypes": ["RAW", "INDEX"]}
    collection = {
        "collection": "c", "metric": 3, "rows": 4, "dim": 8, "segments": [segment | {"collection": "c"}],
        "engine": 10, "index_params": "{}", "partitions": [{"tag": "späte", "table_id": "33", "segments": [segment]}],
    }
    write("meta_json", "ours", json.dumps({"version": 2, "collections": [collection], "rows": 4}).encode())
    write("meta_json", "null", b'{"collections":null,"rows":0}')
    chance = random.Random(1)
    for number in range(4):
        write("meta_rows", str(number), bytes([20]) + chance.randbytes(280))
    # A collection, its partition, and a segment of each.
    table = lambda name, owner, tag: bytes([0, name, 0, 6, 0, 0, 0, 1, 2, 1, owner, tag, 2, 0])
    file = lambda table, segment: bytes([1, table, segment, 1, segment, 1, 0, 0, 0, 0, 0, 0])
    write("meta_rows", "whole", b"\x04" + table(0, 2, 2) + table(3, 0, 5) + file(0, 11) + file(3, 11))


def of_texts():
    addresses = (
        "reader:p@ss/word@tcp(10.0.0.7)/milvus?tls=skip-verify",
        "mysql://reader:p%40ss@[::1]:3307/milvus?ssl-ca=/etc/ca.pem",
        "u@unix(/run/mysqld.sock)/m?timeout=1m30s&charset=latin1",
        "/milvus",
        "user\n10.0.0.7:3306",
    )
    for number, text in enumerate(addresses):
        write("mysql_address", str(number), text.encode())
    for number, text in enumerate(("127.0.0.1:19530", "https://milvus.example.org", "http://[::1]:19530/", "u:p@h", "milvus")):
        write("milvus_address", str(number), text.encode())
    locations = (
        "s3://bucket/dumps/today\n127.0.0.1:9000\n",
        "gs://bucket\n\n",
        "abfss://box@account.dfs.core.windows.net/prefix\n\n",
        "oss://bucket/x\n\ncn-hangzhou",
        "cos://bucket-125/x\nhttps://cos.ap-guangzhou.myqcloud.com\n",
        "/data/../dump",
        "file:///data/a%20b",
    )
    for number, text in enumerate(locations):
        write("storage_location", str(number), text.encode())
    for number, text in enumerate(("1620000000417262000", "..", "a/b", "späte", "a\0")):
        write("names", str(number), text.encode())
    for path in (HERE.parent / "config").glob("*.yaml"):
        write("configuration", path.stem, path.read_bytes())
    write("configuration", "collections", b'm2m:\n  collections:\n    "a.b": {name: x, where: id > 1, fields: {k: {name: y}}}\n')
    file = {"path": "c/p/7/id.npy", "field": "id", "rows": 2, "bytes": 144, "crc32c": 7, "dtype": "<i8"}
    manifest = {
        "version": 1, "m2m": "0.1.0", "created_on": "2026-11-21T05:11:55Z", "source": {"meta": "m", "tables": ["t"]},
        "collections": [{
            "name": "c", "target_name": "c", "metric": "L2", "engine": "FLAT", "index_params": "{}", "rows": 2,
            "fields": [{"name": "id", "type": "Int64", "primary": True}, {"name": "vector", "type": "FloatVector", "dimension": 4}],
            "partitions": [{"tag": "p", "name": "p", "rows": 2, "sets": [{"name": "c/p/7", "rows": 2, "segments": ["7"], "files": [file]}]}],
        }],
    }
    write("manifest", "small", json.dumps(manifest).encode())


def npy(descr, shape, values):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00\x76\x00" + text.ljust(117) + b"\n" + values


def of_arrays():
    arrays = {
        "vectors": npy("<f4", "(3, 2)", struct.pack("<6f", *range(6))),
        "ids": npy("<i8", "(3,)", struct.pack("<3q", 1, 2, 3)),
        "texts": npy("<U2", "(2,)", "ab\0\0".encode("utf-32-le")),
        "times": npy("<M8[ms]", "()", struct.pack("<q", -(1 << 63))),
    }
    for name, data in arrays.items():
        write("npy", name, data)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as archive:
            for array in ("vectors", "ids"):
                archive.writestr(zipfile.ZipInfo(f"{array}.npy"), arrays[array], method)
        write("npz", name, packed.getvalue())


def main():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("install-1.1.1", "install-1.1.1-unflushed", "test1w"):
            subprocess.run(["tar", "-xJf", FIXTURES / f"{name}.tar.xz", "-C", folder], check=True)
        root = pathlib.Path(folder)
        of_segments(root / "install-1.1.1")
        of_log(root / "install-1.1.1-unflushed")
        of_metadata(root / "install-1.1.1")
    of_texts()
    of_arrays()


if __name__ == "__main__":
    main()
