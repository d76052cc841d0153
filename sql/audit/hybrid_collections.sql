-- Collections with attributes, which are not migrated.
--
-- severity: error
-- remedy: Export the attributes with the old server if they are needed, and join them
-- while migrating (`--query`). `--allow hybrid_collections` goes on without them.
--
-- Servers of 0.9 to 1.0.0 could keep numbers beside vectors, in files that end with
-- `.ra`. Ids and vectors of such a collection are migrated.
SELECT
    f.collection_id AS collection,
    f.field_name,
    f.field_type,
    concat('attribute `', f.field_name, '` is not migrated') AS message
FROM meta.fields AS f
JOIN meta.collections AS c ON c.collection = f.collection_id
UNION ALL
SELECT
    d.collection,
    NULL AS field_name,
    NULL AS field_type,
    concat('attributes that the metadata does not name are not migrated; there are files of them in ', count(*), CASE WHEN count(*) = 1 THEN ' segment' ELSE ' segments' END) AS message
FROM measure.directories AS d
WHERE
    d.state = 'live' AND d.attribute_files > 0
    AND NOT EXISTS (SELECT 1 FROM meta.fields AS f WHERE f.collection_id = d.collection)
GROUP BY d.collection
ORDER BY collection, field_name
