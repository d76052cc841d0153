-- Rows whose id Milvus 2.x stores and counts, but cannot find by a query: the
-- largest and the smallest 64-bit integer.
--
-- Column: `rows`, how many they are.
--
-- `{rows}` is a relation with a column `id`.
SELECT count(*) AS rows
FROM {rows}
WHERE id = 9223372036854775807 OR id = -9223372036854775807 - 1
