-- Partitions whose tags would become the same name in Milvus 2.x.
--
-- severity: warning
-- remedy: Have clients use the new names, which are the same in every run, or keep the
-- tags as they are in a field: `--set m2m.partitions=key`.
--
-- Both are migrated, and a suffix tells them apart.
SELECT
    collection,
    partition_tag,
    target_name,
    CASE
        WHEN is_renamed THEN concat('partition `', partition_tag, '` becomes `', target_name, '`, because another tag comes to the same name')
        ELSE concat('partition `', partition_tag, '` keeps its name, to which another tag comes too')
    END AS message
FROM mapping.partitions
WHERE collides
ORDER BY collection, partition_tag
