-- Bytes in folders that hold no live segment, by collection; the collection is NULL
-- where the folder belongs to none.
SELECT collection, sum(bytes) AS bytes
FROM measure.directories
WHERE
    state <> 'live'
    -- Of metadata that cannot be read every folder would be an orphan.
    AND NOT EXISTS (SELECT 1 FROM meta.problems WHERE place = 'metadata' AND NOT EXISTS (SELECT 1 FROM meta.collections))
GROUP BY collection
