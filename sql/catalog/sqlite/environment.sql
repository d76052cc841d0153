-- Up to which position of the write-ahead log everything is flushed.
SELECT CASE typeof(global_lsn) WHEN 'integer' THEN global_lsn END AS global_lsn
FROM Environment
