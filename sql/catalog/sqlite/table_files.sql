-- Every row of TableFiles. A row count that was decreased too often is a huge
-- number, which SQLite keeps as REAL: it becomes NULL.
SELECT
    CASE typeof(id) WHEN 'integer' THEN id END AS id,
    CAST(coalesce(table_id, '') AS TEXT) AS table_id,
    CAST(coalesce(segment_id, '') AS TEXT) AS segment_id,
    CASE typeof(engine_type) WHEN 'integer' THEN engine_type END AS engine_type,
    CAST(coalesce(file_id, '') AS TEXT) AS file_id,
    CASE typeof(file_type) WHEN 'integer' THEN file_type END AS file_type,
    CASE typeof(file_size) WHEN 'integer' THEN file_size END AS file_size,
    CASE typeof(row_count) WHEN 'integer' THEN row_count END AS row_count,
    CASE typeof(updated_time) WHEN 'integer' THEN updated_time END AS updated_time,
    CASE typeof(created_on) WHEN 'integer' THEN created_on END AS created_on,
    CASE typeof(date) WHEN 'integer' THEN date END AS date,
    CASE typeof(flush_lsn) WHEN 'integer' THEN flush_lsn END AS flush_lsn
FROM TableFiles
ORDER BY id
