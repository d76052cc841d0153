-- Live rows whose float vector has a component that is NaN or infinite.
--
-- Columns: `collection`, `partition_tag`, `segment_id`; `segment_offset` (the row's
-- place in the segment); `id`.
--
-- Worth a look before migrating: Milvus 2.x refuses such vectors. No row is good
-- news. Reads every vector of a collection.
SELECT {collection} AS collection, partition_tag, segment_id, segment_offset, id
FROM {float_table}
WHERE NOT is_finite(vector)
ORDER BY collection, segment_id, segment_offset
