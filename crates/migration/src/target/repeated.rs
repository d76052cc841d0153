// SPDX-License-Identifier: Apache-2.0
//! Whether rows that are to be appended are there already.

use std::collections::BTreeSet;

use m2m_milvus::Client;

use super::{Appended, Wanted};
use crate::error::{Error, Result};
use crate::rows::UNQUERYABLE;

/// Ids that are named one by one.
const NAMED: usize = 5;

/// Makes sure that a collection has no row with any of these ids. Milvus 2.x
/// never notices a repeated row: what is appended twice is there twice. Only
/// what is in memory can be asked; of another collection nothing is known.
///
/// # Errors
///
/// When it has some, or cannot be asked.
pub async fn refuse_repeated(
    client: &Client,
    wanted: &Wanted,
    appended: &Appended,
    ids: &[i64],
) -> Result<()> {
    if !appended.is_loaded {
        return Ok(());
    }
    let (asked, found) = find_rows(client, wanted, appended, ids).await?;
    if found.is_empty() { Ok(()) } else { Err(repeated(wanted, asked, &found)) }
}

/// Which of these ids a collection in memory has, and how many it can have.
pub(crate) async fn find_rows(
    client: &Client,
    wanted: &Wanted,
    appended: &Appended,
    ids: &[i64],
) -> Result<(usize, BTreeSet<i64>)> {
    let ids: BTreeSet<i64> = ids.iter().copied().filter(|id| !UNQUERYABLE.contains(id)).collect();
    let field = wanted.id_field().and_then(|(at, _)| appended.field_names.get(at));
    let Some(field) = field.filter(|_| !ids.is_empty()) else { return Ok((0, BTreeSet::new())) };
    let ids = Vec::from_iter(ids);
    let found = client.query_by_ids(&wanted.name, None, field, &[], &ids).await?.ids;
    Ok((ids.len(), found.into_iter().collect()))
}

fn repeated(wanted: &Wanted, asked: usize, found: &BTreeSet<i64>) -> Error {
    let named = found.iter().take(NAMED).map(i64::to_string).collect::<Vec<_>>().join(", ");
    Error::RowsThere {
        collection: wanted.name.clone(),
        asked,
        found: found.len(),
        ids: if found.len() > NAMED { format!("{named}, …") } else { named },
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::wanted;
    use super::*;

    #[test]
    fn a_few_of_the_repeated_ids_are_named() {
        let error = |found| repeated(&wanted(), 9, &found).to_string();
        let few = error([3, -1].into());
        assert!(
            few.contains("`films` in Milvus already has 2 of 9 ids") && few.contains(": -1, 3;"),
            "{few}"
        );
        let many = error((1..8).collect());
        assert!(many.contains(": 1, 2, 3, 4, 5, …;"), "{many}");
    }
}
