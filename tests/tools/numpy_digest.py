#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads a dump by its manifest with numpy alone, checks every file, and
compares the rows with a truth file.

  numpy_digest.py DUMP [--truth TRUTH.json] [--collections A,B] [--any-order]

Every file is checked: named by its field, as long as the manifest and its own
header say, CRC-32C, header version 1.0, data aligned to 64 bytes, dtype
(<i8, <f4, |u1), C order, shape. No .npy file may lie in the dump that the
manifest does not name.

With a truth file the digests of every collection and partition must be equal:
`ids_sha256`, `vectors_sha256` and `rows_sha256` in canonical order (that of
the manifest's sets), and `sorted_rows_sha256`; with --any-order only the last.
Nothing may be missing and nothing may be there that the truth does not name.

Prints one JSON object. Exit: 0 equal, 1 different or broken, 2 cannot check.
"""

import argparse
import json
import os
import sys

import digests as d

ORDERED = ["ids_sha256", "vectors_sha256", "rows_sha256"]


def main():
    args = parse_args()
    try:
        report = check(args)
    except d.Failure as failure:
        report = {"problems": [str(failure)]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(json.dumps({"ok": False, "problems": [f"{type(error).__name__}: {error}"]}))
        return 2
    report = {"dump": args.dump, "ok": not report["problems"], **report}
    print(json.dumps(report, indent=1, ensure_ascii=False))
    return 0 if report["ok"] else 1


def parse_args():
    parser = argparse.ArgumentParser(description="checks a dump with numpy alone")
    parser.add_argument("dump", help="folder with manifest.json")
    parser.add_argument("--truth", help="JSON with the digests to expect")
    parser.add_argument("--collections", help="only these, separated by commas")
    parser.add_argument("--any-order", action="store_true", help="compare the sorted rows alone")
    return parser.parse_args()


def check(args):
    manifest = d.read_manifest(args.dump)
    wanted = set(args.collections.split(",")) if args.collections else None
    problems = stray_files(args.dump, manifest)
    found = []
    for collection in manifest["collections"]:
        if wanted is None or collection["name"] in wanted:
            found += read_collection(args.dump, collection, problems)
    if args.truth:
        compare(found, d.read_json(args.truth), wanted, args.any_order, problems)
    return {"partitions": found, "problems": problems}


def stray_files(root, manifest):
    named = {
        os.path.normpath(file["path"])
        for collection in manifest["collections"]
        for partition in collection["partitions"]
        for file_set in partition["sets"]
        for file in file_set["files"]
    }
    there = {
        os.path.normpath(os.path.relpath(os.path.join(folder, name), root))
        for folder, _, names in os.walk(root)
        for name in names
        if name.endswith(".npy") or "#" in name
    }
    return [f"{path}: not in the manifest" for path in sorted(there - named)]


def read_collection(root, collection, problems):
    found = []
    for partition in collection["partitions"]:
        where = f"{collection['name']}/{partition['tag']}"
        try:
            ids, vectors = d.read_partition(root, collection, partition)
        except (d.Failure, OSError, ValueError) as failure:
            problems.append(f"{where}: {failure}")
            continue
        found.append({"collection": collection["name"], "tag": partition["tag"], **d.digests(ids, vectors)})
    promised = sum(partition["rows"] for partition in collection["partitions"])
    if promised != collection["rows"]:
        problems.append(f"{collection['name']}: {collection['rows']} rows, its partitions have {promised}")
    return found


def compare(found, truth, wanted, any_order, problems):
    expected = {key: p for key, p in d.truth_partitions(truth).items() if wanted is None or key[0] in wanted}
    keys = ["sorted_rows_sha256"] if any_order else [*ORDERED, "sorted_rows_sha256"]
    seen = set()
    for partition in found:
        key = (partition["collection"], partition["tag"])
        where = "/".join(key)
        seen.add(key)
        if key not in expected:
            problems.append(f"{where}: not in the truth file")
            continue
        want = expected[key]
        if partition["rows"] != want["live_rows"]:
            problems.append(f"{where}: {partition['rows']} rows, expected {want['live_rows']}")
        problems += [f"{where}: {name} is {partition[name]}, expected {want[name]}" for name in keys if partition[name] != want[name]]
    problems += [f"{'/'.join(key)}: missing" for key in expected if key not in seen]


if __name__ == "__main__":
    sys.exit(main())
