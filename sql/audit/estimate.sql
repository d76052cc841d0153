-- How much there is to move, and how long it takes, very roughly.
--
-- severity: note
-- remedy: See that the target has room for these bytes. `m2m plan` says more.
--
-- Writing is taken for 200 MiB a second, importing for 25 MiB a second and 2 seconds a
-- job; building indexes comes on top.
SELECT
    collection,
    live_rows,
    live_bytes,
    import_files,
    import_jobs,
    dump_seconds,
    load_seconds,
    concat(
        live_rows, CASE WHEN live_rows = 1 THEN ' row, ' ELSE ' rows, ' END,
        live_bytes, ' bytes in ', import_files, ' files; about ',
        CAST(ceil(dump_seconds) AS BIGINT), ' s to write and ',
        CAST(ceil(load_seconds) AS BIGINT), ' s to import'
    ) AS message
FROM mapping.collections
WHERE live_rows > 0 AND import_files IS NOT NULL
ORDER BY collection
