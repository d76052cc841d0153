-- Collections that the version of Milvus 2.x cannot have.
--
-- severity: error
-- remedy: Choose what the finding names, another version of Milvus, or leave the
-- collection out with `--col`.
--
-- Names, dimensions, the number of partitions and the size of import files have
-- limits, which differ between versions.
SELECT collection, problem AS message, remedy
FROM mapping.problems
ORDER BY collection, problem
