-- Partitions that get another name in Milvus 2.x.
--
-- severity: warning
-- remedy: Have clients use the new names, or keep the tags as they are in a field:
-- `--set m2m.partitions=key`.
--
-- Milvus 2.x allows letters, digits and `_` in the name of a partition; a tag of
-- Milvus 1.x can be any text.
SELECT
    collection,
    partition_tag,
    target_name,
    concat('partition `', partition_tag, '` becomes `', target_name, '`') AS message
FROM mapping.partitions
WHERE is_renamed
ORDER BY collection, partition_tag
