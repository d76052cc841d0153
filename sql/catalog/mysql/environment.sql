-- Up to which position of the write-ahead log everything is flushed.
SELECT CASE WHEN CAST(CAST(e.global_lsn AS SIGNED) AS BINARY) = CAST(e.global_lsn AS BINARY) THEN CAST(e.global_lsn AS SIGNED) END AS global_lsn
FROM `Environment` AS e
