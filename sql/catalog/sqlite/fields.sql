-- The rows of Fields: attributes of hybrid collections, which vectors do not
-- need. So many no installation has: the last row is one too many.
SELECT
    CAST(coalesce(collection_id, '') AS TEXT) AS collection_id,
    CAST(coalesce(field_name, '') AS TEXT) AS field_name,
    CASE typeof(field_type) WHEN 'integer' THEN field_type END AS field_type,
    CAST(coalesce(field_params, '') AS TEXT) AS field_params
FROM Fields
ORDER BY collection_id, field_name
LIMIT 100001
