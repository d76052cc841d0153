-- The rows that a migration leaves out because their vectors have a component that
-- is NaN or infinite, with the reason.
--
-- Columns: `partition_tag`, `segment_id`, `segment_offset` (where the row is stored);
-- `id`; `reason`; `vector`.
--
-- The collection's name is put in between quotes, and a condition or `true` for `where`.
SELECT
    partition_tag,
    segment_id,
    segment_offset,
    id,
    'component ' || first_non_finite(vector) || ' is ' || CAST(vector[first_non_finite(vector) + 1] AS VARCHAR) AS reason,
    vector
FROM milvus.collections.{collection}
WHERE (
    {where}
) AND NOT is_finite(vector)
