// SPDX-License-Identifier: Apache-2.0
//! What the functions say of themselves, for `SHOW FUNCTIONS` and the shell.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use datafusion::logical_expr::{DocSection, Documentation};

/// Name, call and meaning of each function.
const FUNCTIONS: [(&str, &str, &str); 11] = [
    (
        "cosine_distance",
        "cosine_distance(vector, other)",
        "One less the cosine of the angle of two float vectors, from 0 to 2",
    ),
    (
        "first_non_finite",
        "first_non_finite(vector)",
        "The place of the first component of a float vector that is NaN or infinite, counted from 0; NULL when all are finite",
    ),
    ("hamming_distance", "hamming_distance(vector, other)", "How many bits of two binary vectors differ"),
    ("inner_product", "inner_product(vector, other)", "The inner product of two float vectors"),
    ("is_finite", "is_finite(vector)", "Whether no component of a float vector is NaN or infinite"),
    (
        "jaccard_distance",
        "jaccard_distance(vector, other)",
        "One less the share of bits set in both of the bits set in either of two binary vectors",
    ),
    ("l2_distance", "l2_distance(vector, other)", "The Euclidean distance of two float vectors"),
    ("l2_norm", "l2_norm(vector)", "The length of a float vector"),
    ("l2_normalize", "l2_normalize(vector)", "The float vector made as long as 1; zeros stay zeros"),
    (
        "tanimoto_distance",
        "tanimoto_distance(vector, other)",
        "The Tanimoto distance of Milvus 1.x: the binary logarithm of the Jaccard similarity, negated",
    ),
    ("vector_dims", "vector_dims(vector)", "Components of a float vector, or bits of a binary one"),
];

static DOCUMENTATION: LazyLock<BTreeMap<&str, Documentation>> = LazyLock::new(|| {
    let section = || DocSection { include: true, label: "Vector functions", description: None };
    let document = |(name, call, meaning): (&'static str, &str, &str)| {
        let documentation = Documentation::builder(section(), meaning, call);
        let documentation = documentation.with_argument("vector", "a column of vectors, or a literal");
        let documentation = match call.contains("other") {
            true => documentation.with_argument("other", "a vector of as many dimensions"),
            false => documentation,
        };
        (name, documentation.build())
    };
    FUNCTIONS.into_iter().map(document).collect()
});

/// What there is to say of a function.
pub(super) fn of(function: &str) -> Option<&'static Documentation> {
    DOCUMENTATION.get(function)
}
