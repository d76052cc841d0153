-- The live rows of each segment.
SELECT collection, live AS rows
FROM meta.segments
WHERE problem IS NULL
