-- The rows of Fields: attributes of hybrid collections, which vectors do not
-- need. So many no installation has: the last row is one too many.
SELECT
    CAST(coalesce(f.collection_id, '') AS CHAR) AS collection_id,
    CAST(coalesce(f.field_name, '') AS CHAR) AS field_name,
    CASE WHEN CAST(CAST(f.field_type AS SIGNED) AS BINARY) = CAST(f.field_type AS BINARY) THEN CAST(f.field_type AS SIGNED) END AS field_type,
    CAST(coalesce(f.field_params, '') AS CHAR) AS field_params
FROM `Fields` AS f
ORDER BY collection_id, field_name
LIMIT 100001
