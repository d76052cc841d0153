// SPDX-License-Identifier: Apache-2.0
//! The keys of one collection, below `m2m.collections.NAME`.

use super::{
    COSINE_WORDS, DUPLICATES_WORDS, FORMATS, INDEX_WORDS, INVALID_WORDS, Key, Kind, PARTITIONS_WORDS,
};

keys! {
    WHERE = Key::new("m2m.collections.NAME.where", Kind::Sql, "",
        "Only rows for which this condition is true. Not beside `query`.");
    QUERY = Key::new("m2m.collections.NAME.query", Kind::Sql, "",
        "The rows themselves, under a name that needs to be no collection's. Columns beside id and vector become fields. Statements before the last, such as `CREATE EXTERNAL TABLE`, are run first.");
    FROM = Key::new("m2m.collections.NAME.from", Kind::Text, "the only one that the query names",
        "The 1.x collection whose metric and index the rows of a query have.");
    TARGET_NAME = Key::new("m2m.collections.NAME.name", Kind::Text, "`NAME`", "The name in Milvus 2.x.");
    ID_FIELD = Key::new("m2m.collections.NAME.idField", Kind::Text, "", "As `m2m.idField`.");
    VECTOR_FIELD = Key::new("m2m.collections.NAME.vectorField", Kind::Text, "", "As `m2m.vectorField`.");
    FORMAT = Key::new("m2m.collections.NAME.format", Kind::Choice(FORMATS), "", "As `m2m.format`.");
    PARTITIONS = Key::new("m2m.collections.NAME.partitions", Kind::Choice(PARTITIONS_WORDS), "", "As `m2m.partitions`.");
    PARTITION_FIELD = Key::new("m2m.collections.NAME.partitionField", Kind::Text, "", "As `m2m.partitionField`.");
    IP_TO_COSINE = Key::new("m2m.collections.NAME.ipToCosine", Kind::Choice(COSINE_WORDS), "", "As `m2m.ipToCosine`.");
    INDEX = Key::new("m2m.collections.NAME.index", Kind::Choice(INDEX_WORDS), "", "As `m2m.index`.");
    DUPLICATES = Key::new("m2m.collections.NAME.duplicates", Kind::Choice(DUPLICATES_WORDS), "", "As `m2m.duplicates`.");
    INVALID_VECTORS = Key::new("m2m.collections.NAME.invalidVectors", Kind::Choice(INVALID_WORDS), "", "As `m2m.invalidVectors`.");
}
