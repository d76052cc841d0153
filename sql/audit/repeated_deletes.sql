-- Segments whose deleted rows are named more than once.
--
-- severity: note
-- remedy: Nothing has to be done: a row that is deleted twice is deleted.
--
-- Servers up to 1.1.0 append to the file of deleted rows, and name a row again when
-- its id is deleted again or the log is replayed. Tools that count these entries lose
-- rows.
SELECT
    collection,
    partition_tag,
    segment_id,
    deleted,
    deleted_entries,
    concat(deleted_entries, ' entries name ', deleted, ' deleted rows') AS message
FROM meta.segments
WHERE deleted_entries > deleted
ORDER BY collection, partition_tag, segment_id
