#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Changes what a Milvus 2.x holds, step by step, as somebody else would.

  milvus_change.py --uri http://127.0.0.1:19530 [--db D] < STEPS.json

STEPS.json is a list of objects:
  {"create": "c", "fields": [{"name": "pk", "type": "INT64", "primary": true, "auto_id": false},
                             {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 2},
                             {"name": "tag", "type": "VARCHAR", "max_length": 64, "partition_key": true}],
   "dynamic": false, "partitions": ["p"]}
  {"insert": "c", "partition": "p", "columns": [[1, 2], [[0.0, 1.0], [2.0, 3.0]]]}      (a column for each field)
  {"delete": "c", "partition": "p", "ids": [1, 2]}
  {"index": "c", "index_type": "FLAT", "metric_type": "L2", "params": {}}               (of the first vector; builds and waits)
  {"drop_index": "c"} {"load": "c"} {"release": "c"} {"flush": "c"} {"drop": "c"}
The database is made when it is not there. Vectors of bits are lists of bytes. Exit: 0 done, 1 failed.
"""

import argparse
import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, connections, db, utility

STEPS = ("create", "insert", "delete", "index", "drop_index", "load", "release", "flush", "drop")
VECTORS = (DataType.FLOAT_VECTOR, DataType.BINARY_VECTOR)


def main():
    parser = argparse.ArgumentParser(description="changes what a Milvus 2.x holds")
    parser.add_argument("--uri", default="http://127.0.0.1:19530")
    parser.add_argument("--db", default="")
    args = parser.parse_args()
    try:
        connections.connect(timeout=30, uri=args.uri)
        if args.db:
            if args.db not in db.list_database():
                db.create_database(args.db)
            db.using_database(args.db)
        for step in json.load(sys.stdin):
            change(step)
    except Exception as error:
        print(f"cannot change: {type(error).__name__}: {error}"[:600], file=sys.stderr)
        return 1
    return 0


def change(step):
    what = next(name for name in STEPS if name in step)
    name = step[what]
    if what == "create":
        return create(name, step)
    collection = Collection(name)
    vector = next(field for field in collection.schema.fields if field.dtype in VECTORS)
    if what == "insert":
        columns = [values(field, column) for field, column in zip(filled(collection), step["columns"], strict=True)]
        collection.insert(columns, partition_name=step.get("partition"))
    elif what == "delete":
        ids = ", ".join(map(str, step["ids"]))
        collection.delete(f"{collection.primary_field.name} in [{ids}]", partition_name=step.get("partition"))
    elif what == "index":
        collection.flush()
        params = {"index_type": step["index_type"], "metric_type": step["metric_type"], "params": step.get("params", {})}
        collection.create_index(vector.name, params)
        utility.wait_for_index_building_complete(name)
    elif what == "drop_index":
        collection.release()
        collection.drop_index()
    else:
        getattr(collection, what)()


def create(name, step):
    schema = CollectionSchema([schema_of(field) for field in step["fields"]], enable_dynamic_field=step.get("dynamic", False))
    collection = Collection(name, schema)
    for partition in step.get("partitions", []):
        collection.create_partition(partition)


def schema_of(field):
    names = {"primary": "is_primary", "partition_key": "is_partition_key"}
    more = {names.get(key, key): value for key, value in field.items() if key not in ("name", "type")}
    return FieldSchema(field["name"], getattr(DataType, field["type"]), **more)


def filled(collection):
    return [field for field in collection.schema.fields if not field.auto_id]


def values(field, column):
    return [bytes(value) for value in column] if field.dtype == DataType.BINARY_VECTOR else column


if __name__ == "__main__":
    sys.exit(main())
