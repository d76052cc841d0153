-- Every row of TableFiles. A row count that was decreased too often is a huge
-- number where the column is unsigned: it becomes NULL.
SELECT
    CAST(f.id AS SIGNED) AS id,
    CAST(f.table_id AS CHAR) AS table_id,
    CAST(coalesce(f.segment_id, '') AS CHAR) AS segment_id,
    CASE WHEN f.engine_type <= 9223372036854775807 THEN CAST(f.engine_type AS SIGNED) END AS engine_type,
    CAST(coalesce(f.file_id, '') AS CHAR) AS file_id,
    CASE WHEN f.file_type <= 9223372036854775807 THEN CAST(f.file_type AS SIGNED) END AS file_type,
    CASE WHEN f.file_size <= 9223372036854775807 THEN CAST(f.file_size AS SIGNED) END AS file_size,
    CASE WHEN f.row_count <= 9223372036854775807 THEN CAST(f.row_count AS SIGNED) END AS row_count,
    CASE WHEN f.updated_time <= 9223372036854775807 THEN CAST(f.updated_time AS SIGNED) END AS updated_time,
    CASE WHEN f.created_on <= 9223372036854775807 THEN CAST(f.created_on AS SIGNED) END AS created_on,
    CASE WHEN f.date <= 9223372036854775807 THEN CAST(f.date AS SIGNED) END AS date,
    CASE WHEN f.flush_lsn <= 9223372036854775807 THEN CAST(f.flush_lsn AS SIGNED) END AS flush_lsn
FROM `TableFiles` AS f
ORDER BY f.id
