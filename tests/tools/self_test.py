#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows that numpy_digest.py accepts a good dump and refuses every kind of bad one.

  self_test.py        exit 0 when each damage below is seen, 1 otherwise
"""

import io
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import digests as d

HERE = os.path.dirname(os.path.abspath(__file__))
IDS = np.array([3, -1, 2**63 - 1, 3], "<i8")
VECTORS = np.array([[1, 2], [0.5, -0.0], [3, 4], [1e-45, 6]], "<f4")
ID, VECTOR = "c/p/1/id.npy", "c/p/1/vector.npy"


def main():
    failures = check_values()
    for name, damage in [("nothing", lambda dump: None), *DAMAGES]:
        with tempfile.TemporaryDirectory() as root:
            dump = Dump(root)
            damage(dump)
            code, said = dump.check()
        expected = 0 if name == "nothing" else 1
        print(f"{name}: {'accepted' if code == 0 else said}")
        if code != expected:
            failures.append(f"{name}: exit code {code}, expected {expected}: {said}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def check_values():
    """Values that others have worked out."""
    found = {
        "crc32c of `123456789`": d.crc32c(b"123456789") == 0xE3069283,
        "crc32c of 32 zeros": d.crc32c(bytes(32)) == 0x8A9136AA,
        "crc32c of many lanes": d.crc32c(bytes(range(256)) * 4001) == plain_crc32c(bytes(range(256)) * 4001),
        "hidden ids": d.hidden_ids(IDS) == {3, 2**63 - 1},
    }
    return [f"{name} is wrong" for name, right in found.items() if not right]


def plain_crc32c(content):
    state = 0xFFFFFFFF
    for byte in content:
        state = int(d.CRC_TABLE[(state ^ byte) & 0xFF]) ^ (state >> 8)
    return state ^ 0xFFFFFFFF


class Dump:
    """A dump of one collection with one partition and one file set, and its truth."""

    def __init__(self, root):
        self.root = root
        self.contents = {ID: npy(IDS), VECTOR: npy(VECTORS)}
        self.partition = {"tag": "p", "name": "p", "rows": 4}
        self.entries = {}
        self.truth = {"tag": "p", "live_rows": 4, **d.digests(IDS, VECTORS)}
        self.stray = None

    def check(self):
        os.makedirs(os.path.join(self.root, "c/p/1"))
        for path, content in self.contents.items():
            with open(os.path.join(self.root, path), "wb") as file:
                file.write(content)
        if self.stray:
            with open(os.path.join(self.root, self.stray), "wb") as file:
                file.write(b"")
        self.write("manifest.json", {"version": 2, "collections": [self.collection()]})
        self.write("truth.json", {"collections": [{"collection": "c", "partitions": [self.truth]}]})
        command = [sys.executable, os.path.join(HERE, "numpy_digest.py"), self.root, "--truth", os.path.join(self.root, "truth.json")]
        done = subprocess.run(command, capture_output=True, text=True)
        try:
            problems = json.loads(done.stdout)["problems"]
        except ValueError:
            problems = [done.stderr]
        return done.returncode, "; ".join(problems)[:150]

    def collection(self):
        files = [{**self.entry(path), **self.entries.get(path, {})} for path in self.contents]
        file_set = {"name": "c/p/1", "rows": 4, "segments": ["1"], "files": files}
        id_field = {"name": "id", "type": "Int64", "primary": True}
        vector_field = {"name": "vector", "type": "FloatVector", "dimension": 2}
        head = {"name": "c", "target_name": "c", "metric": "L2", "rows": 4, "fields": [id_field, vector_field]}
        return {**head, "partitions": [{**self.partition, "sets": [file_set]}]}

    def entry(self, path):
        content = self.contents[path]
        field = os.path.basename(path)[:-4]
        dtype = "<i8" if path == ID else "<f4"
        return {"path": path, "field": field, "rows": 4, "bytes": len(content), "crc32c": d.crc32c(content), "dtype": dtype}

    def write(self, name, value):
        with open(os.path.join(self.root, name), "w") as file:
            json.dump(value, file)


def npy(array, version=(1, 0)):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version)
    return out.getvalue()


def put(path, change):
    """A damage to the content of one file, known to the manifest."""

    def damage(dump):
        dump.contents[path] = change(dump.contents[path])

    return damage


def unknown(path, change):
    """A damage to the content of one file that the manifest does not know of."""

    def damage(dump):
        dump.entries[path] = {key: dump.entry(path)[key] for key in ("bytes", "crc32c")}
        dump.contents[path] = change(dump.contents[path])

    return damage


def flip(content):
    return content[:-1] + bytes([content[-1] ^ 1])


def crooked(content):
    """The same header, eight bytes shorter: the data no longer starts at a multiple of 64."""
    return content[:8] + (118 - 8).to_bytes(2, "little") + content[10:119] + b"\n" + content[128:]


DAMAGES = [
    ("a flipped bit", unknown(VECTOR, flip)),
    ("a flipped bit that the manifest vouches for", put(VECTOR, flip)),
    ("a missing byte", unknown(ID, lambda content: content[:-1])),
    ("a missing byte that the manifest vouches for", put(ID, lambda content: content[:-1])),
    ("bytes after the data", put(ID, lambda content: content + b"\0")),
    ("an empty file", put(ID, lambda content: b"")),
    ("a header cut short", put(ID, lambda content: content[:50])),
    ("Fortran order", put(VECTOR, lambda _: npy(np.asfortranarray(VECTORS)))),
    ("header version 2.0", put(VECTOR, lambda _: npy(VECTORS, (2, 0)))),
    ("data not aligned", put(ID, crooked)),
    ("float64 vectors", put(VECTOR, lambda _: npy(VECTORS.astype("<f8")))),
    ("big-endian ids", put(ID, lambda _: npy(IDS.astype(">i8")))),
    ("ids as a column", put(ID, lambda _: npy(IDS.reshape(4, 1)))),
    ("a row less", put(ID, lambda _: npy(IDS[:3]))),
    ("rows in another order", lambda dump: dump.contents.update({ID: npy(IDS[::-1].copy()), VECTOR: npy(VECTORS[::-1].copy())})),
    ("vectors swapped", put(VECTOR, lambda _: npy(VECTORS[[1, 0, 2, 3]]))),
    ("a negative zero lost", put(VECTOR, lambda _: npy(VECTORS + np.float32(0)))),
    ("a file that nobody names", lambda dump: setattr(dump, "stray", "c/p/1/other.npy")),
    ("an unfinished upload", lambda dump: setattr(dump, "stray", "c/p/1/id.npy#1")),
    ("a file under another name", lambda dump: dump.entries.update({ID: {"field": "pk"}})),
    ("a wrong dtype in the manifest", lambda dump: dump.entries.update({ID: {"dtype": "<u8"}})),
    ("a wrong row count in the manifest", lambda dump: dump.partition.update(rows=5)),
    ("a partition that should not be there", lambda dump: dump.partition.update(tag="q")),
    ("a partition of another size", lambda dump: dump.truth.update(live_rows=5)),
]

if __name__ == "__main__":
    sys.exit(main())
