-- The rows that a migration leaves out because their vectors have a component that
-- is NaN or infinite, with the reason. Where the rows say in which partition and
-- segment they are stored, the answer does too.
--
-- The relation has the columns `id` and `vector`.
SELECT
    rows.*,
    'component ' || first_non_finite(rows.vector) || ' is '
        || CAST(rows.vector[first_non_finite(rows.vector) + 1] AS VARCHAR) AS reason
FROM {rows} AS rows
