-- How long the vectors are that are to be migrated. Where all have length 1, the
-- metric IP ranks as COSINE does; a vector of length 0 has no cosine at all.
--
-- Columns: `rows`; `min`, `max` and `mean` of the lengths; `zero_rows`; `other_rows`
-- (those whose length differs from 1 by more than a thousandth).
--
-- `{rows}` is a relation with a column `vector`.
SELECT
    count(*) AS rows,
    CAST(min(norm) AS DOUBLE) AS min,
    CAST(max(norm) AS DOUBLE) AS max,
    CAST(avg(norm) AS DOUBLE) AS mean,
    count(*) FILTER (WHERE norm = 0) AS zero_rows,
    count(*) FILTER (WHERE NOT abs(norm - 1) <= 0.001) AS other_rows
FROM (SELECT CAST(l2_norm(vector) AS DOUBLE) AS norm FROM {rows}) AS lengths
