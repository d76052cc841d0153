-- How many rows of the metadata stand for files of each type, and for how many
-- bytes.
--
-- Columns: `file_type` (the code), `file_type_name`, `rows`, `bytes`.
--
-- Worth a look when the server did not end cleanly: types NEW, NEW_MERGE and
-- NEW_INDEX were being written, TO_DELETE waits to be removed. None of them is
-- read. A `meta.json` has no such rows.
SELECT file_type, file_type_name, count(*) AS rows, coalesce(sum(file_size), 0) AS bytes
FROM meta.files
GROUP BY file_type, file_type_name
ORDER BY file_type
