-- The tables of the database that the user may see: they tell a 1.x
-- installation from others.
SELECT CAST(table_name AS CHAR) AS name
FROM information_schema.tables
WHERE table_schema = DATABASE()
ORDER BY table_name
