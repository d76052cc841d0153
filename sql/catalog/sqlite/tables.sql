-- Every row of Tables. Values of another type than the server writes become
-- NULL here and are refused later, if the row turns out to matter.
SELECT
    CASE typeof(id) WHEN 'integer' THEN id END AS id,
    CAST(coalesce(table_id, '') AS TEXT) AS table_id,
    CASE typeof(state) WHEN 'integer' THEN state END AS state,
    CASE typeof(dimension) WHEN 'integer' THEN dimension END AS dimension,
    CASE typeof(created_on) WHEN 'integer' THEN created_on END AS created_on,
    CASE typeof(flag) WHEN 'integer' THEN flag END AS flag,
    CASE typeof(index_file_size) WHEN 'integer' THEN index_file_size END AS index_file_size,
    CASE typeof(engine_type) WHEN 'integer' THEN engine_type END AS engine_type,
    CAST(coalesce(index_params, '{}') AS TEXT) AS index_params,
    CASE typeof(metric_type) WHEN 'integer' THEN metric_type END AS metric_type,
    CAST(coalesce(owner_table, '') AS TEXT) AS owner_table,
    CAST(coalesce(partition_tag, '') AS TEXT) AS partition_tag,
    CAST(coalesce(version, '') AS TEXT) AS version,
    CASE typeof(flush_lsn) WHEN 'integer' THEN flush_lsn END AS flush_lsn
FROM Tables
ORDER BY id
