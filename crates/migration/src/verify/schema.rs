// SPDX-License-Identifier: Apache-2.0
//! Whether a collection has the fields and the metric that it should have.

use m2m_milvus::{Client, CollectionInfo, IndexInfo};

use super::CollectionVerification;
use crate::error::Result;
use crate::plan::CollectionPlan;
use crate::settings::{DumpSettings, IndexChoice};
use crate::target::map;

/// Compares fields and metric. Returns the collection's own names of the planned
/// fields, in their order, unless it lacks some.
pub(super) async fn compare(
    client: &Client,
    plan: &CollectionPlan,
    info: &CollectionInfo,
    found: &mut CollectionVerification,
) -> Result<Option<Vec<String>>> {
    // How long its files were is no matter now.
    let wanted = plan.wanted(&DumpSettings::default());
    let field_names = match m2m_milvus::compare(&wanted.fields, info) {
        Ok(names) => Some(names),
        Err(differences) => {
            let said = differences.into_iter().map(|difference| format!("in Milvus {difference}"));
            found.differences.extend(said);
            None
        }
    };
    let of_names = wanted.vector_field().and_then(|(at, ..)| field_names.as_ref()?.get(at));
    let vector = of_names.or_else(|| info.vector().ok().map(|(field, _)| &field.name));
    if let Some(vector) = vector
        && let Some(index) = client.index_info(&plan.target_name, vector).await?
    {
        let metric = map(&wanted, client.version(), IndexChoice::None).metric.value;
        found.differences.extend(metric_difference(&metric, &index));
        found.metric.clone_from(&index.metric);
        found.index = Some(index.index_type);
    }
    Ok(field_names)
}

fn metric_difference(expected: &str, index: &IndexInfo) -> Option<String> {
    let found = index.metric.as_deref()?;
    let differs = !found.eq_ignore_ascii_case(expected);
    differs.then(|| format!("the metric is {found} in Milvus, expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(metric: Option<&str>) -> IndexInfo {
        IndexInfo {
            index_type: "FLAT".into(),
            metric: metric.map(ToOwned::to_owned),
            params: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn another_metric_is_a_difference_and_one_that_is_not_told_is_not() {
        let difference = metric_difference("JACCARD", &index(Some("HAMMING"))).unwrap();
        assert_eq!(difference, "the metric is HAMMING in Milvus, expected JACCARD");
        assert_eq!(metric_difference("COSINE", &index(Some("cosine"))), None);
        assert_eq!(metric_difference("L2", &index(None)), None);
    }
}
