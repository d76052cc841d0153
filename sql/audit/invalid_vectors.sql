-- Vectors with a component that is NaN or infinite.
--
-- severity: error
-- remedy: `--set m2m.invalidVectors=skip` leaves these rows out and writes them into a
-- file of their own. `SELECT * FROM inspect.not_finite` lists them.
--
-- Milvus 1.x took any component; Milvus 2.x refuses the import.
SELECT
    collection,
    partition_tag,
    segment_id,
    not_finite_rows AS rows,
    concat(not_finite_rows, CASE WHEN not_finite_rows = 1 THEN ' row has' ELSE ' rows have' END, ' a vector with NaN or infinity') AS message
FROM measure.segments
WHERE not_finite_rows > 0
ORDER BY collection, partition_tag, segment_id
