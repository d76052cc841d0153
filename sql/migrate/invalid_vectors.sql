-- Rows whose float vector has a component that is NaN or infinite. Milvus 2.x
-- refuses a file with such a vector, so these rows stay behind or fail the migration.
--
-- Columns: `segment_id`; `segment_offset` (the row's place in the segment).
--
-- The collection's name is put in between quotes, and a condition or `true` for `where`.
SELECT segment_id, segment_offset
FROM milvus.collections.{collection}
WHERE (
    {where}
) AND NOT is_finite(vector)
