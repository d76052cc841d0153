-- Every row of TableFiles. Numbers as in Tables: a row count that was decreased
-- too often is a huge number where the column is unsigned, and becomes NULL.
SELECT
    CASE WHEN CAST(CAST(f.id AS SIGNED) AS BINARY) = CAST(f.id AS BINARY) THEN CAST(f.id AS SIGNED) END AS id,
    CAST(coalesce(f.table_id, '') AS CHAR) AS table_id,
    CAST(coalesce(f.segment_id, '') AS CHAR) AS segment_id,
    CASE WHEN CAST(CAST(f.engine_type AS SIGNED) AS BINARY) = CAST(f.engine_type AS BINARY) THEN CAST(f.engine_type AS SIGNED) END AS engine_type,
    CAST(coalesce(f.file_id, '') AS CHAR) AS file_id,
    CASE WHEN CAST(CAST(f.file_type AS SIGNED) AS BINARY) = CAST(f.file_type AS BINARY) THEN CAST(f.file_type AS SIGNED) END AS file_type,
    CASE WHEN CAST(CAST(f.file_size AS SIGNED) AS BINARY) = CAST(f.file_size AS BINARY) THEN CAST(f.file_size AS SIGNED) END AS file_size,
    CASE WHEN CAST(CAST(f.row_count AS SIGNED) AS BINARY) = CAST(f.row_count AS BINARY) THEN CAST(f.row_count AS SIGNED) END AS row_count,
    CASE WHEN CAST(CAST(f.updated_time AS SIGNED) AS BINARY) = CAST(f.updated_time AS BINARY) THEN CAST(f.updated_time AS SIGNED) END AS updated_time,
    CASE WHEN CAST(CAST(f.created_on AS SIGNED) AS BINARY) = CAST(f.created_on AS BINARY) THEN CAST(f.created_on AS SIGNED) END AS created_on,
    CASE WHEN CAST(CAST(f.date AS SIGNED) AS BINARY) = CAST(f.date AS BINARY) THEN CAST(f.date AS SIGNED) END AS date,
    CASE WHEN CAST(CAST(f.flush_lsn AS SIGNED) AS BINARY) = CAST(f.flush_lsn AS BINARY) THEN CAST(f.flush_lsn AS SIGNED) END AS flush_lsn
FROM `TableFiles` AS f
ORDER BY f.id
