-- The server that the installation is audited for, and when.
SELECT milvus, is_assumed, concat(date_trunc('second', now()), '') AS made_at
FROM mapping.server
