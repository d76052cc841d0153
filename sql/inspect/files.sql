-- How many rows of the metadata stand for files of each type, and for how many bytes.
SELECT file_type, file_type_name, count(*) AS rows, coalesce(sum(file_size), 0) AS bytes
FROM meta.files
GROUP BY file_type, file_type_name
ORDER BY file_type
