#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares collections of Milvus 2.x (2.2 and later) with a description of them.

  milvus_rows.py --uri http://127.0.0.1:19530 [--user root --password Milvus] [--db D] EXPECTED.json
  milvus_rows.py … --ask COLLECTION EXPRESSION
  milvus_rows.py … --list | --drop
  milvus_rows.py --self-test

EXPECTED.json (`-`: standard input) is an object, or a list of them:
  {"collection": "c",
   "fields": [{"name": "id", "type": "INT64", "primary": true},
              {"name": "vector", "type": "FLOAT_VECTOR", "dim": 2},
              {"name": "tag", "type": "VARCHAR", "max_length": 64, "partition_key": true}],
   "index": {"index_type": "FLAT", "metric_type": "L2"},
   "loaded": true,
   "count": {"_default": 0, "p": 1},
   "rows": [{"partition": "p", "id": 1, "vector": "0000803f00000040", "tag": "x"}]}

* `fields` is all of them in any order. What a field does not say is false or absent. `dynamic` (false) is said beside them.
* `index` is the vector's, null for none. Its `params` are compared when they are given.
* `loaded` is compared when it is given. Rows can only be compared in a loaded collection.
* `count` is the rows of each partition that has some, or one number where nobody looks at partitions (as with a
  partition key). Without it the rows are all there are; with it they may be a choice.
* A row names its partition unless `count` is a number or the collection has a partition key, and has every field.
  Vectors are the hexadecimal digits of little-endian float32, or of bytes, and must be equal bit for bit, as must FLOAT and DOUBLE.
  A JSON field is a value of any kind; its numbers must be of one kind too: 1 is not 1.0.
* A query shows one of several rows with one id, so it must be one of those described. Both ends of int64, which no
  query shows, are counted only.

Prints the differences, one a line. Exit: 0 equal, 1 different, 2 cannot check.

`--ask` prints the ids of the rows for which an expression of Milvus is true, as a sorted JSON list. `--list` prints what
the database holds, as a JSON object: its collections with fields, index, and stored rows by partition; null when there
is no such database. `--drop` drops the database with all that it holds: a server has 64 at most.
"""

import argparse
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import numpy as np
from pymilvus import Collection, DataType, connections, db, utility

LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 2
ANSWER_BYTES = 16 << 20
ANSWER_ROWS = 4096
SHOWN = 30
VECTORS = {"FLOAT_VECTOR": "<f4", "BINARY_VECTOR": "u1"}
FLOATS = {"FLOAT": "<f4", "DOUBLE": "<f8"}


def main():
    args = parse_args()
    if args.self_test:
        return self_test()
    try:
        connect(args)
        if args.list or args.drop:
            return (show_database if args.list else drop_database)(args.db)
        if args.ask:
            return show(ids_of(*args.ask))
        found = all_differences(read_expected(args.expected))
    except Exception as error:
        print(f"cannot check: {type(error).__name__}: {error}"[:600], file=sys.stderr)
        return 2
    for one in found[:SHOWN]:
        print(one)
    if len(found) > SHOWN:
        print(f"and {len(found) - SHOWN} more")
    return 1 if found else 0


def parse_args():
    parser = argparse.ArgumentParser(description="compares collections of Milvus 2.x with a description of them")
    parser.add_argument("--uri", default="http://127.0.0.1:19530")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--db", default="")
    parser.add_argument("--ask", nargs=2, metavar=("COLLECTION", "EXPRESSION"))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--drop", action="store_true")
    parser.add_argument("--self-test", action="store_true", help="show that every kind of difference is seen")
    parser.add_argument("expected", nargs="?", default="-")
    return parser.parse_args()


def connect(args):
    options = {"uri": args.uri}
    if args.user:
        options.update(user=args.user, password=args.password)
    connections.connect(timeout=30, **options)
    if args.db in db.list_database():
        db.using_database(args.db)
    elif args.db and not args.list:
        raise ValueError(f"no database `{args.db}`")


def show(value):
    print(json.dumps(value, sort_keys=True))
    return 0


def ids_of(name, expression):
    collection = Collection(name)
    primary = collection.primary_field.name
    return sorted(row[primary] for row in collection.query(expression, output_fields=[primary], consistency_level="Strong", timeout=60))


def show_database(name):
    if name not in ("", *db.list_database()):
        return show(None)
    targets = [Target(one) for one in utility.list_collections()]
    return show({target.name: {**target.describe(), "partitions": target.counts()} for target in targets})


def drop_database(name):
    for one in utility.list_collections():
        utility.drop_collection(one)
    db.using_database("default")
    db.drop_database(name)
    return 0


def read_expected(path):
    """The descriptions of a file, as a list."""
    if path == "-":
        expected = json.load(sys.stdin)
    else:
        with open(path, encoding="utf-8") as file:
            expected = json.load(file)
    return expected if isinstance(expected, list) else [expected]


def all_differences(descriptions):
    found = []
    for expected in descriptions:
        name = expected["collection"]
        found += [f"{name}: {text}" for text in differences(expected, Target(name))]
    return found


def differences(expected, target):
    """All differences, as texts. Rows are compared only where the collection is what it should be."""
    there = target.describe()
    if there is None:
        return [f"no collection `{target.name}`"]
    found = compare_fields(expected, there) + compare_index(expected, there)
    if "loaded" in expected and expected["loaded"] != there["loaded"]:
        found.append(f"loaded: {there['loaded']}, expected {expected['loaded']}")
    if found:
        return found
    found += compare_counts(expected, there, target)
    if expected.get("rows") and not there["loaded"]:
        return [*found, "the collection is not loaded, so its rows cannot be read"]
    for partition, rows in by_partition(expected).items():
        if partition is None or partition in there["partitions"]:
            found += compare_rows(expected["fields"], partition, rows, target)
            found += [] if "count" in expected else other_rows(expected["fields"], partition, rows, target)
    return found


def compare_fields(expected, there):
    wanted = {field["name"]: whole_field(field) for field in expected["fields"]}
    existing = {field["name"]: whole_field(field) for field in there["fields"]}
    found = [f"field `{name}` is missing" for name in wanted if name not in existing]
    found += [f"nobody expects field `{name}`" for name in existing if name not in wanted]
    for name in wanted.keys() & existing.keys():
        for key in sorted(wanted[name].keys() | existing[name].keys()):
            has, should = existing[name].get(key), wanted[name].get(key)
            if has != should:
                found.append(f"field `{name}`: {key} is {has}, expected {should}")
    if there["dynamic"] != expected.get("dynamic", False):
        found.append(f"dynamic: {there['dynamic']}, expected {expected.get('dynamic', False)}")
    return found


def whole_field(field):
    return {"primary": False, "auto_id": False, "partition_key": False, **field}


def compare_index(expected, there):
    wanted, existing = expected["index"], there["index"]
    if wanted is None or existing is None:
        return [] if wanted is existing else [f"index: {existing}, expected {wanted}"]
    return [
        f"index: {key} is {existing.get(key)}, expected {should}"
        for key, should in wanted.items()
        if existing.get(key) != should
    ]


def compare_counts(expected, there, target):
    counts = expected_counts(expected)
    if not isinstance(counts, dict):
        has = target.count(None)
        return [] if has == counts else [f"{has} rows, expected {counts}"]
    named = dict.fromkeys([*counts, *by_partition(expected)])
    found = [f"partition `{name}` is missing" for name in named if name not in there["partitions"]]
    for name in there["partitions"]:
        has, should = target.count(name), counts.get(name, 0)
        if has != should:
            found.append(f"partition `{name}`: {has} rows, expected {should}")
    return found


def expected_counts(expected):
    """Rows by partition, or one number where nobody looks at partitions."""
    if "count" in expected:
        return expected["count"]
    groups = by_partition(expected)
    if None in groups or has_partition_key(expected):
        return len(expected["rows"])
    return {partition: len(rows) for partition, rows in groups.items()}


def has_partition_key(expected):
    return any(field.get("partition_key") for field in expected["fields"])


def by_partition(expected):
    groups = {}
    for row in expected.get("rows", []):
        groups.setdefault(row.get("partition"), []).append(row)
    if None in groups and len(groups) > 1:
        raise ValueError("some rows name a partition, others do not")
    return groups


def compare_rows(fields, partition, rows, target):
    where = "" if partition is None else f"partition `{partition}`, "
    primary = primary_of(fields)
    wanted = {}
    for row in rows:
        wanted.setdefault(row[primary], []).append(plain_row(fields, row, expected_value))
    visible = [one for one in wanted if LOWEST <= one <= HIGHEST]
    answers = {}
    found = []
    for row in target.rows(partition, primary, visible, [field["name"] for field in fields]):
        if row[primary] in answers:
            found.append(f"{where}id {row[primary]}: answered twice")
        answers[row[primary]] = plain_row(fields, row, found_value)
    found += [f"{where}id {one}: missing" for one in visible if one not in answers]
    for one, row in answers.items():
        if one not in wanted:
            found.append(f"{where}id {one}: answered, but not asked for")
        elif row not in wanted[one]:
            found += [f"{where}id {one}: {text}" for text in row_differences(row, wanted[one][0])]
    return found


def other_rows(fields, partition, rows, target):
    """Rows that could stand for a lost copy of a repeated id, or for an id that no query shows."""
    primary = primary_of(fields)
    ids = {row[primary] for row in rows}
    found = target.others(partition, primary, [one for one in ids if LOWEST <= one <= HIGHEST])
    return [f"id {one}: nobody expects it" for one in found if one not in ids]


def primary_of(fields):
    return next(field["name"] for field in fields if field.get("primary"))


def plain_row(fields, row, value):
    """The values of a row in a form in which equal means equal bits."""
    return {field["name"]: value(field["type"], row[field["name"]]) for field in fields}


def row_differences(row, wanted):
    for name, should in wanted.items():
        if row[name] != should:
            yield f"`{name}` is {shown(row[name])}, expected {shown(should)}"


def shown(value):
    text = value.hex() if isinstance(value, bytes) else ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}… ({len(text)} characters)"


def expected_value(kind, value):
    return bytes.fromhex(value) if kind in VECTORS else scalar(kind, value)


def found_value(kind, value):
    if kind == "FLOAT_VECTOR":
        return np.asarray(value, "<f4").tobytes()
    if kind == "BINARY_VECTOR":
        return value[0] if isinstance(value, list) else value
    return scalar(kind, value)


def scalar(kind, value):
    if kind in FLOATS:
        return np.array(value, FLOATS[kind]).tobytes()
    if kind == "JSON":
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    if kind == "BOOL":
        return bool(value) if isinstance(value, (bool, np.bool_)) else f"not a boolean: {value!r}"
    return value if kind == "VARCHAR" else int(value)


class Target:
    """What a server holds of one collection."""

    def __init__(self, name):
        self.name = name
        self.can_count = not utility.get_server_version().startswith("v2.2")
        self.collection = None

    def describe(self):
        if not utility.has_collection(self.name):
            return None
        self.collection = Collection(self.name)
        schema = self.collection.schema
        fields = [self.field(one) for one in schema.fields]
        vectors = [field["name"] for field in fields if field["type"] in VECTORS]
        indexes = [index.params for index in self.collection.indexes if index.field_name in vectors]
        self.loaded = str(utility.load_state(self.name)) == "Loaded"
        self.page = max(1, min(ANSWER_ROWS, ANSWER_BYTES // sum(field_bytes(field) for field in fields)))
        return {
            "fields": fields,
            "dynamic": schema.enable_dynamic_field,
            "index": indexes[0] if indexes else None,
            "loaded": self.loaded,
            "partitions": [partition.name for partition in self.collection.partitions],
        }

    def field(self, one):
        return {
            "name": one.name,
            "type": DataType(one.dtype).name,
            "primary": one.is_primary,
            "auto_id": one.auto_id,
            "partition_key": one.is_partition_key,
            **{key: int(value) for key, value in one.params.items() if key in ("dim", "max_length")},
        }

    def count(self, partition):
        """What a query counts, or, where none can, what is stored."""
        if self.can_count and self.loaded:
            return int(self.query(partition, "", ["count(*)"])[0]["count(*)"])
        return (self.collection if partition is None else self.collection.partition(partition)).num_entities

    def counts(self):
        """What is stored in each partition."""
        return {partition.name: partition.num_entities for partition in self.collection.partitions}

    def rows(self, partition, primary, ids, fields):
        for start in range(0, len(ids), self.page):
            yield from self.query(partition, f"{primary} in {ids[start : start + self.page]}", fields)

    def others(self, partition, primary, ids):
        return [row[primary] for row in self.query(partition, f"{primary} not in {ids}", [primary])]

    def query(self, partition, expression, fields):
        names = None if partition is None else [partition]
        return self.collection.query(expression, output_fields=fields, partition_names=names, consistency_level="Strong", timeout=60)


def field_bytes(field):
    """About how large a value is in an answer; texts are taken to be long."""
    if field["type"] in VECTORS:
        return field["dim"] * 4 if field["type"] == "FLOAT_VECTOR" else field["dim"] // 8
    return {"VARCHAR": 4096, "JSON": 4096}.get(field["type"], 8)


class Fake:
    """A server that holds what it is told."""

    name = "c"

    def __init__(self):
        fields = [{"name": "id", "type": "INT64", "primary": True}, {"name": "v", "type": "FLOAT_VECTOR", "dim": 2}]
        fields += [{"name": "s", "type": "VARCHAR", "max_length": 8}, {"name": "f", "type": "FLOAT"}, {"name": "j", "type": "JSON"}]
        fields += [{"name": "b", "type": "BOOL"}]
        index = {"index_type": "HNSW", "metric_type": "IP", "params": {"M": 8}}
        self.there = {"fields": fields, "dynamic": False, "index": index, "loaded": True, "partitions": ["_default", "p"]}
        self.held = {"_default": [], "p": [self.row(1, 0.0), self.row(2, 1.5), self.row(2, 2.5), self.row(2**63 - 1, 3.0)]}

    @staticmethod
    def row(one, number):
        return {"id": one, "v": [number, -0.0], "s": f"ä{one}", "f": np.float32(number), "j": {"k": [1, None]}, "b": True}

    def describe(self):
        return self.there

    def count(self, partition):
        return sum(len(rows) for name, rows in self.held.items() if partition in (None, name))

    def rows(self, partition, primary, ids, fields):
        seen = self.seen(partition)
        return [{key: seen[one][key] for key in fields} for one in ids if one in seen]

    def others(self, partition, primary, ids):
        return [one for one in self.seen(partition) if one not in ids]

    def seen(self, partition):
        """One row for an id, and none for the highest, as a server answers."""
        rows = [row for name, rows in self.held.items() if partition in (None, name) for row in rows]
        return {row["id"]: row for row in rows if row["id"] <= HIGHEST}


def described(server):
    """The description of what a `Fake` holds."""
    rows = []
    for partition, held in server.held.items():
        for row in held:
            vector = np.array(row["v"], "<f4").tobytes().hex()
            rows.append({**row, "partition": partition, "v": vector, "f": float(row["f"])})
    expected = {"collection": "c", **server.there, "rows": rows}
    return json.loads(json.dumps(expected))


def self_test():
    failures = []
    for name, damage in [("nothing", lambda expected, server: None), *SAME, *DAMAGES]:
        server = Fake()
        expected = described(server)
        damage(expected, server)
        found = differences(expected, server)
        print(f"{name}: {'; '.join(found) or 'accepted'}")
        if bool(found) != ((name, damage) in DAMAGES):
            failures.append(name)
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


def held(key, value):
    """A damage to the first row that the server holds."""
    return lambda _, server: server.held["p"][0].update({key: value})


def there(key, value):
    """A damage to what the server describes."""
    return lambda _, server: server.there.update({key: value})


def field(name, key, value):
    """A damage to one field that the server describes."""
    return lambda _, server: next(one for one in server.there["fields"] if one["name"] == name).update({key: value})


def without_partitions(expected, _):
    for row in expected["rows"]:
        del row["partition"]


def a_choice(expected, _):
    expected.update(count={"p": 4}, rows=expected["rows"][:1])


def damaged_choice(expected):
    expected["rows"][0]["partition"] = "q"
    return {"p": 4}


def stored_only(expected, server):
    expected.update(loaded=False, count={"p": 4}, rows=[])
    server.there["loaded"] = False


SAME = [
    ("rows that name no partition", without_partitions),
    ("a choice of the rows", a_choice),
    ("counts of what is not loaded", stored_only),
    ("an index without its params", lambda expected, _: expected["index"].pop("params")),
    ("fields in another order", lambda expected, _: expected["fields"].reverse()),
    ("an empty partition that nobody names", lambda _, server: server.there["partitions"].append("q")),
]
DAMAGES = [
    ("no collection", lambda _, server: setattr(server, "there", None)),
    ("a field too few", lambda _, server: server.there["fields"].pop()),
    ("a field too many", lambda expected, _: expected["fields"].pop()),
    ("another type", field("f", "type", "DOUBLE")),
    ("another max_length", field("s", "max_length", 9)),
    ("another dimension", field("v", "dim", 4)),
    ("a partition key that nobody wants", field("s", "partition_key", True)),
    ("generated ids", field("id", "auto_id", True)),
    ("dynamic fields", there("dynamic", True)),
    ("another metric", lambda _, server: server.there["index"].update(metric_type="L2")),
    ("another index", lambda _, server: server.there["index"].update(index_type="FLAT")),
    ("another parameter", lambda _, server: server.there["index"].update(params={"M": 9})),
    ("no index", there("index", None)),
    ("an index that nobody wants", lambda expected, _: expected.update(index=None)),
    ("not loaded", there("loaded", False)),
    ("not loaded, and nobody says that it should be", lambda expected, server: (expected.pop("loaded"), server.there.update(loaded=False))),
    ("a partition that is missing", there("partitions", ["_default"])),
    ("rows in a partition that nobody names", lambda _, server: server.held["_default"].append(server.row(9, 9.0))),
    ("a row less", lambda _, server: server.held["p"].pop(0)),
    ("a copy of a repeated id less", lambda _, server: server.held["p"].pop(1)),
    ("the highest id less", lambda _, server: server.held["p"].pop()),
    ("a row too many", lambda _, server: server.held["p"].append(server.row(5, 5.0))),
    ("a row in the wrong partition", lambda _, server: server.held["_default"].append(server.held["p"].pop(0))),
    ("a row under another id", held("id", 7)),
    ("a bit of a vector", held("v", [1e-45, -0.0])),
    ("a negative zero lost in a vector", held("v", [0.0, 0.0])),
    ("another text", held("s", "a1")),
    ("another normal form of a text", held("s", "a\u03081")),
    ("another float", held("f", np.float32(1e-45))),
    ("a negative zero", held("f", np.float32(-0.0))),
    ("another JSON value", held("j", {"k": [1, 0]})),
    ("a JSON number of another kind", held("j", {"k": [1.0, None]})),
    ("another boolean", held("b", False)),
    ("a number for a boolean", held("b", 1)),
    ("neither copy of a repeated id", lambda _, server: [row.update(s="x") for row in server.held["p"][1:3]]),
    ("a row instead of a copy of a repeated id", lambda _, server: server.held["p"][1].update(id=6)),
    ("a row instead of one with the highest id", lambda _, server: server.held["p"][3].update(id=6)),
    ("a partition of a choice that is missing", lambda expected, _: expected.update(count=damaged_choice(expected))),
    ("another count of a choice", lambda expected, _: expected.update(count={"p": 5}, rows=expected["rows"][:1])),
    ("another count of the whole", lambda expected, _: expected.update(count=5)),
]

if __name__ == "__main__":
    sys.exit(main())
