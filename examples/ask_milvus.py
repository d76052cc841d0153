#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows what Milvus 2.x answers about a migrated collection.

ask_milvus.py HOST:PORT COLLECTION
"""
import sys

from pymilvus import Collection, connections

address, name = sys.argv[1:3]
connections.connect(uri=f"http://{address}")
collection = Collection(name)
print(f"{name}: {collection.query('', output_fields=['count(*)'], consistency_level='Strong')[0]['count(*)']} rows,",
      f"partitions {[partition.name for partition in collection.partitions]},",
      f"index {collection.indexes[0].params['index_type']}")
row = collection.query("id >= 0", output_fields=["id", "vector"], limit=1, consistency_level="Strong")[0]
print(f"the nearest neighbours of id {row['id']}:")
hits = collection.search([row["vector"]], "vector", {"params": {}}, limit=3, consistency_level="Strong")[0]
for hit in hits:
    print(f"  id {hit.id}, distance {hit.distance:.4f}")
if hits[0].id != row["id"]:
    sys.exit("error: a vector is not its own nearest neighbour")
