-- Up to which position of the write-ahead log everything is flushed.
SELECT CASE WHEN e.global_lsn <= 9223372036854775807 THEN CAST(e.global_lsn AS SIGNED) END AS global_lsn
FROM `Environment` AS e
