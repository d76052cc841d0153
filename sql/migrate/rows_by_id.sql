-- Every row with its id and its place, in the order of ids: rows that share an id
-- are neighbours, whichever partitions and segments they are in. The order is the
-- work of a sort that spills to disk, and what is sorted has no vector.
--
-- Columns: `id`; `segment` (number of the segment in the collection, in order of
-- partitions and segments: `segment_number` knows the collection); `segment_offset`
-- (the row's place in the segment).
--
-- The collection's name is put in between quotes, and a condition or `true` for `where`.
SELECT id, segment_number(segment_id) AS segment, arrow_cast(segment_offset, 'UInt32') AS segment_offset
FROM milvus.collections.{collection}
WHERE (
    {where}
)
ORDER BY id
