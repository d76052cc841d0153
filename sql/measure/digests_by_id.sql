-- Rows whose id others have, and where such ids are many all rows of their segments,
-- with what tells their vectors apart, in the order of ids.
--
-- Columns: `id`; `digest` (of the vector's bytes: 128 bits).
SELECT id, vector_digest(vector) AS digest
FROM compared
ORDER BY id
