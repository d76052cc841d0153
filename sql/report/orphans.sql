-- Bytes in folders that hold no live segment, by collection; the collection is NULL
-- where the folder belongs to none.
SELECT collection, sum(bytes) AS bytes
FROM measure.directories
WHERE state <> 'live'
GROUP BY collection
