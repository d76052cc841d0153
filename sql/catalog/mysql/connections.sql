-- How many others use the database: one may be the old server. A user without
-- the right PROCESS sees connections of its own name alone.
SELECT CAST(count(*) AS SIGNED) AS count
FROM information_schema.processlist
WHERE db = DATABASE() AND id <> CONNECTION_ID()
