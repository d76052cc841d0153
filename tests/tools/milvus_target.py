#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes collections in Milvus 2.x with pymilvus, and shows what is there.

  milvus_target.py --uri http://127.0.0.1:19530 [--user root --password Milvus] --db D create SPEC
  milvus_target.py …                                                            --db D show COLLECTION [ID,ID…]
  milvus_target.py …                                                            --db D release COLLECTION
  milvus_target.py …                                                            --db D drop COLLECTION,COLLECTION…

SPEC is a JSON object:
  {"name": "c", "fields": [{"name": "id", "type": "INT64", "primary": true},
                           {"name": "vector", "type": "FLOAT_VECTOR", "dim": 2}],
   "partitions": ["p"], "rows": [{"id": 1, "vector": [0, 1]}],
   "index": {"index_type": "FLAT", "metric_type": "L2", "params": {}}, "load": true}
The database is made when it is missing. Rows are inserted, flushed and, with "load", loaded.

`show` prints a JSON object: fields, index of the vector (null without one), loaded, partitions with their rows (none
where a key decides), rows (count(*) of what is loaded, otherwise what is stored), and the rows of the ids, by id, with
all fields. `drop` drops collections and their database: a server has 64 at most.
"""

import argparse
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, db, utility


def main():
    args = parse_args()
    connections.connect(uri=args.uri, user=args.user, password=args.password, timeout=30)
    if args.db not in db.list_database():
        db.create_database(args.db)
    db.using_database(args.db)
    if args.what == "create":
        create(json.loads(args.subject))
    elif args.what == "release":
        Collection(args.subject).release()
    elif args.what == "drop":
        drop(args.db, args.subject.split(","))
    else:
        print(json.dumps(show(args.subject, args.ids)))


def parse_args():
    parser = argparse.ArgumentParser(description="makes and shows collections in Milvus 2.x")
    parser.add_argument("--uri", required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--db", required=True)
    parser.add_argument("what", choices=["create", "show", "release", "drop"])
    parser.add_argument("subject")
    parser.add_argument("ids", nargs="?", default="")
    return parser.parse_args()


def create(spec):
    fields = [field(one) for one in spec["fields"]]
    collection = Collection(spec["name"], CollectionSchema(fields))
    for partition in spec.get("partitions", []):
        collection.create_partition(partition)
    rows = spec.get("rows", [])
    if rows:
        collection.insert([[row[one.name] for row in rows] for one in fields])
        collection.flush()
    vector = next(one.name for one in fields if is_vector(one))
    if spec.get("index"):
        collection.create_index(vector, spec["index"])
        utility.wait_for_index_building_complete(spec["name"])
    if spec.get("load"):
        collection.load()


def drop(database, names):
    for name in filter(utility.has_collection, names):
        utility.drop_collection(name)
    db.using_database("default")
    db.drop_database(database)


def field(spec):
    more = {key: spec[key] for key in ("dim", "max_length") if key in spec}
    return FieldSchema(
        spec["name"],
        DataType[spec["type"]],
        is_primary=spec.get("primary", False),
        auto_id=spec.get("auto_id", False),
        is_partition_key=spec.get("partition_key", False),
        **more,
    )


def show(name, ids):
    collection = Collection(name)
    vector = next(one.name for one in collection.schema.fields if is_vector(one))
    primary = collection.primary_field.name
    indexes = [index.params for index in collection.indexes if index.field_name == vector]
    loaded = str(utility.load_state(name)) == "Loaded"
    shown = {
        "fields": [described(one) for one in collection.schema.fields],
        "index": indexes[0] if indexes else None,
        "loaded": loaded,
        "partitions": {one.name: count(collection, one, loaded) for one in partitions(collection)},
        "rows": count(collection, collection, loaded),
    }
    if ids:
        names = [one.name for one in collection.schema.fields]
        found = collection.query(f"{primary} in [{ids}]", output_fields=names, consistency_level="Strong")
        shown["found"] = {str(row[primary]): plain(row) for row in found}
    return shown


def described(one):
    return {"name": one.name, "type": one.dtype.name, "key": one.is_partition_key, **one.params}


def partitions(collection):
    """A server does not let its own partitions be asked for, one by one."""
    has_key = any(one.is_partition_key for one in collection.schema.fields)
    return [] if has_key else collection.partitions


def count(collection, part, loaded):
    # 2.2 has no count(*).
    if not loaded or utility.get_server_version().startswith("v2.2"):
        return part.num_entities
    names = None if part is collection else [part.name]
    answer = collection.query("", output_fields=["count(*)"], partition_names=names, consistency_level="Strong")
    return answer[0]["count(*)"]


def plain(row):
    return {key: value.hex() if isinstance(value, bytes) else numbers(value) for key, value in row.items()}


def numbers(value):
    if isinstance(value, list):
        return [one.hex() if isinstance(one, bytes) else float(one) for one in value]
    return value


def is_vector(one):
    return one.dtype in (DataType.FLOAT_VECTOR, DataType.BINARY_VECTOR)


if __name__ == "__main__":
    sys.exit(main())
