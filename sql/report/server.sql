-- The server that the installation is audited for.
SELECT milvus, is_assumed
FROM mapping.server
