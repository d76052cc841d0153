-- Every row of Tables. A column may have lost its type in a copy: what is not
-- the same text again after it was a signed number of 64 bits becomes NULL here
-- and is refused later, if the row turns out to matter. Compared as bytes,
-- because collations hold other signs to be digits.
SELECT
    CASE WHEN CAST(CAST(t.id AS SIGNED) AS BINARY) = CAST(t.id AS BINARY) THEN CAST(t.id AS SIGNED) END AS id,
    CAST(coalesce(t.table_id, '') AS CHAR) AS table_id,
    CASE WHEN CAST(CAST(t.state AS SIGNED) AS BINARY) = CAST(t.state AS BINARY) THEN CAST(t.state AS SIGNED) END AS state,
    CASE WHEN CAST(CAST(t.dimension AS SIGNED) AS BINARY) = CAST(t.dimension AS BINARY) THEN CAST(t.dimension AS SIGNED) END AS dimension,
    CASE WHEN CAST(CAST(t.created_on AS SIGNED) AS BINARY) = CAST(t.created_on AS BINARY) THEN CAST(t.created_on AS SIGNED) END AS created_on,
    CASE WHEN CAST(CAST(t.flag AS SIGNED) AS BINARY) = CAST(t.flag AS BINARY) THEN CAST(t.flag AS SIGNED) END AS flag,
    CASE WHEN CAST(CAST(t.index_file_size AS SIGNED) AS BINARY) = CAST(t.index_file_size AS BINARY) THEN CAST(t.index_file_size AS SIGNED) END AS index_file_size,
    CASE WHEN CAST(CAST(t.engine_type AS SIGNED) AS BINARY) = CAST(t.engine_type AS BINARY) THEN CAST(t.engine_type AS SIGNED) END AS engine_type,
    CAST(coalesce(t.index_params, '{}') AS CHAR) AS index_params,
    CASE WHEN CAST(CAST(t.metric_type AS SIGNED) AS BINARY) = CAST(t.metric_type AS BINARY) THEN CAST(t.metric_type AS SIGNED) END AS metric_type,
    CAST(coalesce(t.owner_table, '') AS CHAR) AS owner_table,
    CAST(coalesce(t.partition_tag, '') AS CHAR) AS partition_tag,
    CAST(coalesce(t.version, '') AS CHAR) AS version,
    CASE WHEN CAST(CAST(t.flush_lsn AS SIGNED) AS BINARY) = CAST(t.flush_lsn AS BINARY) THEN CAST(t.flush_lsn AS SIGNED) END AS flush_lsn
FROM `Tables` AS t
ORDER BY t.id
