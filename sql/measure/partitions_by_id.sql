-- Every row of some segments with its id and its partition, in the order of ids: rows
-- that share an id are neighbours. The order is the work of a sort that spills to
-- disk, and what is sorted has no vector.
--
-- Columns: `id`; `partition` (its number in the collection).
SELECT id, partition
FROM suspects
ORDER BY id
