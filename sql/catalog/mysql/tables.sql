-- Every row of Tables. A number that no signed 64 bits hold becomes NULL here
-- and is refused later, if the row turns out to matter.
SELECT
    CAST(t.id AS SIGNED) AS id,
    CAST(t.table_id AS CHAR) AS table_id,
    CASE WHEN t.state <= 9223372036854775807 THEN CAST(t.state AS SIGNED) END AS state,
    CASE WHEN t.dimension <= 9223372036854775807 THEN CAST(t.dimension AS SIGNED) END AS dimension,
    CASE WHEN t.created_on <= 9223372036854775807 THEN CAST(t.created_on AS SIGNED) END AS created_on,
    CASE WHEN t.flag <= 9223372036854775807 THEN CAST(t.flag AS SIGNED) END AS flag,
    CASE WHEN t.index_file_size <= 9223372036854775807 THEN CAST(t.index_file_size AS SIGNED) END AS index_file_size,
    CASE WHEN t.engine_type <= 9223372036854775807 THEN CAST(t.engine_type AS SIGNED) END AS engine_type,
    CAST(t.index_params AS CHAR) AS index_params,
    CASE WHEN t.metric_type <= 9223372036854775807 THEN CAST(t.metric_type AS SIGNED) END AS metric_type,
    CAST(coalesce(t.owner_table, '') AS CHAR) AS owner_table,
    CAST(coalesce(t.partition_tag, '') AS CHAR) AS partition_tag,
    CAST(coalesce(t.version, '') AS CHAR) AS version,
    CASE WHEN t.flush_lsn <= 9223372036854775807 THEN CAST(t.flush_lsn AS SIGNED) END AS flush_lsn
FROM `Tables` AS t
ORDER BY t.id
