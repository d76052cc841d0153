-- Bytes in folders that hold no live segment, by collection; the collection is NULL
-- where the folder belongs to none.
SELECT collection, sum(bytes) AS bytes
FROM measure.directories
WHERE
    state <> 'live'
    -- Of metadata that cannot be read every folder would be an orphan, and every one of
    -- a collection that cannot be read.
    AND NOT EXISTS (SELECT 1 FROM meta.problems WHERE place = 'metadata' AND NOT EXISTS (SELECT 1 FROM meta.collections))
    AND table_id NOT IN (
        SELECT t.table_id
        FROM meta.tables AS t
        JOIN meta.problems AS p ON p.collection = t.table_id OR p.collection = t.owner_table
        WHERE p.place = 'collection'
    )
GROUP BY collection
