// SPDX-License-Identifier: Apache-2.0
//! SQL functions of vectors. Their names follow pgvector's where both have one.
//!
//! | function | arguments | result |
//! |---|---|---|
//! | `l2_distance`, `inner_product`, `cosine_distance` | two float vectors | `DOUBLE` |
//! | `l2_norm` | a float vector | `DOUBLE` |
//! | `l2_normalize` | a float vector | a float vector of length 1; zeros stay zeros |
//! | `vector_dims` | a float or binary vector | components, or bits: `BIGINT` |
//! | `is_finite` | a float vector | whether no component is NaN or infinite |
//! | `first_non_finite` | a float vector | the place of its first component that is NaN or infinite, from 0: `BIGINT`; NULL when all are finite |
//! | `hamming_distance`, `jaccard_distance`, `tanimoto_distance` | two binary vectors | `DOUBLE` |
//!
//! A float vector is a column, or a list of numbers such as `[0.1, 0.2]`, whose
//! elements become 32-bit floats; a binary vector is a column, or bytes such as
//! `X'00ff'`. NULL gives NULL. Vectors of different dimensions are an error that
//! names both, before anything is read when both are known.

mod binary;
mod documentation;
mod float;
mod operand;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;

use binary::BinaryFunction;
use float::FloatFunction;

use crate::digests::vector_digest;

/// Makes the functions known to a session.
pub(crate) fn register(ctx: &SessionContext) {
    for function in FloatFunction::all() {
        ctx.register_udf(ScalarUDF::new_from_impl(function));
    }
    for function in BinaryFunction::all() {
        ctx.register_udf(ScalarUDF::new_from_impl(function));
    }
}

/// Whether it is one of the functions that [`register`] makes known.
pub(crate) fn is_of_vectors(function: &ScalarUDF) -> bool {
    function.inner().is::<FloatFunction>() || function.inner().is::<BinaryFunction>()
}

/// Returns the functions that plans of this crate have besides, and statements do not: who runs
/// such plans for another process has to know them.
#[must_use]
pub fn of_plans() -> Vec<Arc<ScalarUDF>> {
    vec![Arc::new(vector_digest())]
}

#[cfg(test)]
mod tests;
