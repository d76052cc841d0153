-- Files of deleted rows with bytes behind the counted part.
--
-- severity: note
-- remedy: Nothing has to be done: what stands behind the counted part is not read.
--
-- Servers from 1.1.1 on rewrite the file over what an earlier crash left.
SELECT
    collection,
    partition_tag,
    segment_id,
    deleted_docs_bytes,
    concat(deleted_docs_bytes - 8 - 4 * deleted_entries, ' bytes stand behind the counted part of `deleted_docs`') AS message
FROM meta.segments
WHERE deleted_docs_bytes > 8 + 4 * deleted_entries
ORDER BY collection, partition_tag, segment_id
