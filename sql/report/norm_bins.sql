-- How many vectors have which length, in fine bins.
SELECT collection, lower AS "from", upper AS "to", rows AS count
FROM measure.norms
ORDER BY collection, lower
