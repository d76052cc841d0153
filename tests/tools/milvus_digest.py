#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads whole collections back from Milvus 2.x with pymilvus and compares
them with a truth file, a dump, or both.

  milvus_digest.py --uri http://127.0.0.1:19530 [--user root --password Milvus] [--db D]
                   [--truth TRUTH.json] [--dump DUMP] [--collections A,B] [--leave-out ID,ID]
                   [--load] [--no-others]

Rows are read partition by partition. A range of ids is halved until count(*)
says that it fits into one answer, so that nothing rests on limits, offsets or
on the order in which Milvus answers. All reads are strongly consistent.

What Milvus cannot show faithfully is left out of the digest and named:
repeated ids (a query shows one of them), and both ends of int64 (invisible to
queries, or not to be written in one). They are found in the dump, in the truth
file, or given with --leave-out. count(*) must still count them all.

`sorted_rows_sha256` is compared with the rows of the dump, which must be what
the truth file says, or, without a dump, with the truth file itself; with left
out rows the dump is needed. The dump's manifest also says which names
collections and partitions have in Milvus.

Prints one JSON object. Exit: 0 equal, 1 different, 2 cannot check.
"""

import argparse
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import numpy as np
from pymilvus import Collection, DataType, connections, utility

import digests as d

# The ends of int64 themselves cannot be written in an expression, or see nothing.
LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 2
ANSWER_BYTES = 16 << 20
ANSWER_ROWS = 4096


def main():
    args = parse_args()
    try:
        connect(args)
        report = check(args)
    except Exception as error:
        print(json.dumps({"ok": False, "problems": [f"{type(error).__name__}: {error}"[:600]]}))
        return 2
    print(json.dumps(report, indent=1, ensure_ascii=False))
    return 0 if report["ok"] else 1


def parse_args():
    parser = argparse.ArgumentParser(description="compares Milvus 2.x with a truth file or a dump")
    parser.add_argument("--uri", default="http://127.0.0.1:19530")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--db", default="")
    parser.add_argument("--truth", help="JSON with the digests to expect")
    parser.add_argument("--dump", help="folder with manifest.json: names, and rows to expect")
    parser.add_argument("--collections", help="only these (names in the source), separated by commas")
    parser.add_argument("--leave-out", default="", help="ids to leave out, separated by commas")
    parser.add_argument("--load", action="store_true", help="load the collections first")
    parser.add_argument("--no-others", action="store_true", help="a collection or partition that nobody expects is a problem")
    return parser.parse_args()


def connect(args):
    options = {"uri": args.uri}
    if args.user:
        options.update(user=args.user, password=args.password)
    if args.db:
        options["db_name"] = args.db
    connections.connect(timeout=10, **options)


def check(args):
    truth = d.truth_partitions(d.read_json(args.truth)) if args.truth else {}
    manifest = d.read_manifest(args.dump) if args.dump else {"collections": []}
    wanted = set(args.collections.split(",")) if args.collections else None
    given = {int(text) for text in args.leave_out.split(",") if text}
    problems, report = [], []
    plan = expected_collections(truth, manifest, wanted)
    for name, (entry, tags) in plan.items():
        target = entry.get("target_name", name) if entry else name
        report.append(read_collection(args, name, target, entry, tags, truth, given, problems))
    if args.no_others:
        known = {collection["target_name"] for collection in report}
        problems += [f"{name}: nobody expects this collection" for name in utility.list_collections() if name not in known]
    return {"server": utility.get_server_version(), "ok": not problems, "collections": report, "problems": problems}


def expected_collections(truth, manifest, wanted):
    """name → (manifest entry or None, tags); without truth and manifest: what the server has."""
    plan = {}
    for name, tag in truth:
        plan.setdefault(name, (None, []))[1].append(tag)
    for entry in manifest["collections"]:
        tags = plan.get(entry["name"], (None, []))[1]
        tags += [p["tag"] for p in entry["partitions"] if p["tag"] not in tags]
        plan[entry["name"]] = (entry, tags)
    if not plan:
        plan = {name: (None, [p.name for p in Collection(name).partitions]) for name in utility.list_collections()}
    return {name: what for name, what in plan.items() if wanted is None or name in wanted}


def read_collection(args, name, target, entry, tags, truth, given, problems):
    report = {"collection": name, "target_name": target, "partitions": []}
    if not utility.has_collection(target):
        problems.append(f"{name}: Milvus has no collection {target}")
        return report
    collection = Collection(target)
    if args.load:
        collection.load(timeout=120)
    reader = Reader(collection)
    names = {p["tag"]: p for p in entry["partitions"]} if entry else {}
    there = {partition.name for partition in collection.partitions}
    for tag in tags:
        partition = names.get(tag, {}).get("name", tag)
        where = f"{name}/{tag}"
        if partition not in there:
            problems.append(f"{where}: Milvus has no partition {partition}")
            continue
        dumped = d.read_partition(args.dump, entry, names[tag]) if tag in names else None
        want = truth.get((name, tag))
        result, found = compare(reader, partition, want, dumped, given)
        report["partitions"].append({"tag": tag, "name": partition, **result})
        problems += [f"{where}: {problem}" for problem in found]
    if args.no_others:
        known = {partition["name"] for partition in report["partitions"]} | {"_default"}
        problems += [f"{name}: nobody expects partition {extra}" for extra in sorted(there - known)]
    return report


def compare(reader, partition, want, dumped, given):
    hidden = set(given)
    if dumped is not None:
        hidden |= d.hidden_ids(dumped[0])
    if want is not None and "ids" in want:
        hidden |= d.hidden_ids(want["ids"])
    problems = []
    count = reader.count(partition)
    ids, vectors = reader.read(partition)
    if len(np.unique(ids)) != len(ids):
        problems.append("one id was answered twice")
    ids, vectors = d.without(ids, vectors, hidden)
    digest = d.digests(ids, vectors)["sorted_rows_sha256"]
    result = {"count": count, "compared": len(ids), "left_out": sorted(hidden), "sorted_rows_sha256": digest}
    expected = None
    if dumped is not None:
        expected = d.digests(*d.without(*dumped, hidden))["sorted_rows_sha256"]
    if want is not None and dumped is not None:
        # An error in the dump must not vouch for itself.
        if d.digests(*dumped)["sorted_rows_sha256"] != want["sorted_rows_sha256"]:
            problems.append("the dump is not what the truth file says")
    elif want is not None and not hidden:
        expected = want["sorted_rows_sha256"]
    if expected is not None and digest != expected:
        problems.append(f"sorted_rows_sha256 is {digest}, expected {expected}")
    if expected is None and want is not None:
        problems.append(f"rows are left out ({sorted(hidden)}), so the dump is needed to compare with")
    rows = want["live_rows"] if want is not None else None if dumped is None else len(dumped[0])
    if rows is not None and count != rows:
        problems.append(f"count(*) is {count}, expected {rows}")
    return result, problems


class Reader:
    """Reads rows by ranges of ids."""

    def __init__(self, collection):
        self.collection = collection
        self.id_field = collection.primary_field.name
        vectors = [f for f in collection.schema.fields if f.dtype in (DataType.FLOAT_VECTOR, DataType.BINARY_VECTOR)]
        if len(vectors) != 1:
            raise d.Failure(f"{collection.name}: {len(vectors)} vector fields, expected one")
        self.vector_field = vectors[0].name
        self.binary = vectors[0].dtype == DataType.BINARY_VECTOR
        dimension = int(vectors[0].params["dim"])
        self.dtype = np.dtype("u1" if self.binary else "<f4")
        self.width = dimension // 8 if self.binary else dimension
        self.page = max(1, min(ANSWER_ROWS, ANSWER_BYTES // (self.width * self.dtype.itemsize + 64)))

    def query(self, partition, expression, fields):
        return self.collection.query(expression, output_fields=fields, partition_names=[partition], consistency_level="Strong", timeout=60)

    def count(self, partition, expression=""):
        return int(self.query(partition, expression, ["count(*)"])[0]["count(*)"])

    def read(self, partition):
        ids, vectors = [], []
        pending = [(LOWEST, HIGHEST)]
        while pending:
            low, high = pending.pop()
            expression = f"{self.id_field} >= {low} && {self.id_field} <= {high}"
            count = self.count(partition, expression)
            if count > self.page and low < high:
                middle = (low + high) // 2
                pending += [(middle + 1, high), (low, middle)]
            elif count > 0:
                for row in self.query(partition, expression, [self.id_field, self.vector_field]):
                    ids.append(row[self.id_field])
                    vectors.append(self.vector(row[self.vector_field]))
        vectors = np.array(vectors, self.dtype).reshape(len(ids), self.width)
        return np.array(ids, "<i8"), vectors

    def vector(self, value):
        if self.binary:
            return np.frombuffer(value[0] if isinstance(value, list) else value, "u1")
        return np.asarray(value, "<f4")


if __name__ == "__main__":
    sys.exit(main())
