# SPDX-License-Identifier: Apache-2.0
"""What the checkers share: digests over rows, CRC-32C, NumPy files, manifests.

Written with numpy alone and apart from m2m's own code, so that one mistake
cannot hide on both sides.

A row is its id (little-endian int64) followed by the bytes of its vector.
"""

import ast
import hashlib
import json
import os
import struct

import numpy as np

MAGIC = b"\x93NUMPY"
DTYPES = {"Int64": "<i8", "FloatVector": "<f4", "BinaryVector": "|u1"}


class Failure(Exception):
    """Something that was checked is not as it must be."""


def digests(ids, vectors):
    """Digests of rows in the order given, and of the rows sorted as byte strings."""
    ids = np.ascontiguousarray(ids, "<i8")
    vectors = np.ascontiguousarray(vectors)
    row_bytes = vectors.shape[1] * vectors.itemsize
    rows = np.concatenate([ids.view("u1").reshape(len(ids), 8), vectors.view("u1").reshape(len(ids), row_bytes)], axis=1)
    return {
        "rows": len(ids),
        "ids_sha256": sha256(ids),
        "vectors_sha256": sha256(vectors),
        "rows_sha256": sha256(rows),
        "sorted_rows_sha256": sha256(sorted_rows(rows)),
    }


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def sorted_rows(rows):
    # A void type compares as raw bytes; numpy's own string type would drop trailing zeros.
    whole = [row.tobytes() for row in rows]
    whole.sort()
    return np.frombuffer(b"".join(whole), "u1")


def hidden_ids(ids):
    """Ids that Milvus 2.x cannot show faithfully: repeated ones, and both ends of int64."""
    values, counts = np.unique(np.asarray(ids, "<i8"), return_counts=True)
    hidden = set(values[counts > 1].tolist())
    ends = {-(2**63), 2**63 - 1}
    return hidden | (ends & set(values.tolist()))


def without(ids, vectors, hidden):
    keep = ~np.isin(ids, np.array(sorted(hidden), "<i8"))
    return ids[keep], vectors[keep]


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def read_manifest(root):
    manifest = read_json(os.path.join(root, "manifest.json"))
    if manifest.get("version") != 2:
        raise Failure(f"manifest.json: version {manifest.get('version')!r} is not known")
    return manifest


def truth_partitions(truth):
    """(collection, tag) → what the truth file says, in its order."""
    return {(c["collection"], p["tag"]): p for c in truth["collections"] for p in c["partitions"]}


def fields_of(collection):
    """The primary key and the vector of a collection, which has no other fields."""
    match collection["fields"]:
        case [{"primary": True} as id_field, {"dimension": _} as vector_field]:
            return id_field, vector_field
    raise Failure(f"{collection['name']}: expected a primary key and a vector, found {collection['fields']}")


def read_partition(root, collection, partition):
    """Checks every file of a partition and returns its ids and vectors in the manifest's order."""
    id_field, vector_field = fields_of(collection)
    dtype = np.dtype(DTYPES[vector_field["type"]])
    width = vector_field["dimension"] // (8 if vector_field["type"] == "BinaryVector" else 1)
    fields = {id_field["name"]: (DTYPES["Int64"], ()), vector_field["name"]: (dtype.str, (width,))}
    ids, vectors = [np.empty(0, "<i8")], [np.empty((0, width), dtype)]
    for file_set in partition["sets"]:
        files = {file["field"]: file for file in file_set["files"]}
        if set(files) != set(fields) or len(files) != len(file_set["files"]):
            raise Failure(f"set {file_set['name']}: fields {sorted(files)}, expected {sorted(fields)}")
        read = {}
        for field, (descr, tail) in fields.items():
            if files[field]["rows"] != file_set["rows"]:
                raise Failure(f"{files[field]['path']}: {files[field]['rows']} rows, its set has {file_set['rows']}")
            read[field] = read_npy(root, files[field], descr, tail)
        ids.append(read[id_field["name"]])
        vectors.append(read[vector_field["name"]])
    ids, vectors = np.concatenate(ids), np.concatenate(vectors)
    if len(ids) != partition["rows"]:
        raise Failure(f"the sets hold {len(ids)} rows, the manifest promises {partition['rows']}")
    return ids, vectors


def read_npy(root, entry, descr, tail):
    """Checks one file against its manifest entry, byte by byte, and returns its array."""
    path = os.path.join(root, entry["path"])
    if os.path.basename(path) != entry["field"] + ".npy":
        raise Failure(f"{entry['path']}: must be named {entry['field']}.npy")
    if not os.path.realpath(path).startswith(os.path.realpath(root) + os.sep):
        raise Failure(f"{entry['path']}: leaves the dump")
    with open(path, "rb") as file:
        content = file.read()
    if len(content) != entry["bytes"]:
        raise Failure(f"{entry['path']}: {len(content)} bytes, the manifest promises {entry['bytes']}")
    if crc32c(content) != entry["crc32c"]:
        raise Failure(f"{entry['path']}: crc32c {crc32c(content)}, the manifest promises {entry['crc32c']}")
    if entry["dtype"] != descr:
        raise Failure(f"{entry['path']}: the manifest says dtype {entry['dtype']}, expected {descr}")
    shape = (entry["rows"], *tail)
    check_header(entry["path"], content, descr, shape)
    array = np.load(path, allow_pickle=False)
    if array.dtype.str != descr or array.shape != shape or not array.flags.c_contiguous:
        raise Failure(f"{entry['path']}: numpy reads {array.dtype.str} {array.shape}")
    return array


def check_header(name, content, descr, shape):
    if content[:6] != MAGIC:
        raise Failure(f"{name}: not a NumPy file")
    if tuple(content[6:8]) != (1, 0):
        raise Failure(f"{name}: header version {content[6]}.{content[7]}, expected 1.0")
    if len(content) < 10:
        raise Failure(f"{name}: ends inside the header")
    (length,) = struct.unpack_from("<H", content, 8)
    start = 10 + length
    if start % 64 != 0:
        raise Failure(f"{name}: the data starts at byte {start}, not at a multiple of 64")
    text = content[10:start].decode("latin1")
    if not text.endswith("\n"):
        raise Failure(f"{name}: the header does not end in a newline")
    try:
        header = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise Failure(f"{name}: the header {text.strip()} cannot be read") from None
    if header != {"descr": descr, "fortran_order": False, "shape": shape}:
        raise Failure(f"{name}: header {text.strip()}, expected {descr}, C order, shape {shape}")
    # Milvus finds these keys by their text, one behind the other.
    places = [text.find(f"'{key}': ") for key in ("descr", "fortran_order", "shape")]
    if places != sorted(places) or "), }" not in text:
        raise Failure(f"{name}: header {text.strip()} is not written as numpy writes it")
    expected = start + int(np.dtype(descr).itemsize * np.prod(shape, dtype="u8"))
    if len(content) != expected:
        raise Failure(f"{name}: {len(content)} bytes, its header promises {expected}")


def crc32c(content):
    """CRC-32C of bytes: many lanes at once with numpy, put together by shifting."""
    data = np.frombuffer(content, "u1")
    lanes = min(4096, max(1, len(data) // 64))
    length = len(data) // lanes
    states = np.zeros(lanes, "<u4")
    # Only the first lane sees the initial value; the others are pure remainders.
    states[0] = 0xFFFFFFFF
    columns = np.ascontiguousarray(data[: lanes * length].reshape(lanes, length).T)
    for column in columns:
        states = CRC_TABLE[(states ^ column) & 0xFF] ^ (states >> 8)
    shift = shift_tables(length)
    state = int(states[0])
    for lane in states[1:].tolist():
        state = shifted(shift, state) ^ lane
    for byte in data[lanes * length :].tolist():
        state = int(CRC_TABLE[(state ^ byte) & 0xFF]) ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def crc_table():
    table = np.arange(256, dtype="<u4")
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table.astype("<u4")


def shift_tables(length):
    """What `length` zero bytes do to a state, as one table for each of its four bytes."""
    states = np.concatenate([np.arange(256, dtype="<u4") << np.uint32(8 * byte) for byte in range(4)])
    for _ in range(length):
        states = CRC_TABLE[states & 0xFF] ^ (states >> 8)
    return states.reshape(4, 256).tolist()


def shifted(tables, state):
    return tables[0][state & 0xFF] ^ tables[1][state >> 8 & 0xFF] ^ tables[2][state >> 16 & 0xFF] ^ tables[3][state >> 24]


CRC_TABLE = crc_table()
