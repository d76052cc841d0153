-- Live rows whose id Milvus 2.x stores and counts, but cannot find by a query:
-- the largest and the smallest 64-bit integer.
SELECT count(*) AS rows
FROM milvus.collections.{collection}
WHERE id = 9223372036854775807 OR id = -9223372036854775807 - 1
