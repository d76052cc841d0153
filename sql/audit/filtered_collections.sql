-- Collections of which a condition chooses rows.
--
-- severity: note
-- remedy: Nothing has to be done: `m2m plan` says which rows are migrated.
--
-- An audit is about all rows of a collection; a condition of the configuration
-- (`m2m.collections.NAME.where`) is not looked at.
SELECT collection, filter, concat('rows are migrated where `', filter, '`; all of them were audited') AS message
FROM mapping.collections
WHERE filter IS NOT NULL
ORDER BY collection
