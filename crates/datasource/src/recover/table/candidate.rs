// SPDX-License-Identifier: Apache-2.0
//! A segment by what its folder lists.

use m2m_catalog::Collection;
use m2m_segment::ids::ID_BYTES;
use m2m_segment::{HEADER_LEN, VectorLayout, names};
use object_store::path::Path;

use super::{Found, LeftOut, Table, TableKind, number};
use crate::recover::evidence::layouts;
use crate::recover::listing::{File, shown_name};

/// A segment before its files are opened.
pub(super) struct Candidate {
    pub(super) table: String,
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) row_bytes: Option<u64>,
    pub(super) layout: VectorLayout,
    /// Whether its files have more bytes than those of no row.
    pub(super) has_rows: bool,
    pub(super) vectors: Path,
    pub(super) indexes: Vec<File>,
}

impl Candidate {
    /// A collection of nothing but this segment.
    pub(super) fn probe(&self) -> Collection {
        let found = Found { id: self.id.clone(), number: self.number, rows: 0, live: 0, row_bytes: None };
        super::empty(&self.table).collection(self.layout, &[&found])
    }
}

/// A segment by what its folder lists, or why it is none.
pub(super) fn candidate(table: &Table, segment: &str, files: &[File]) -> Result<Candidate, LeftOut> {
    let (ids, vectors) = (names::ids_file(segment), names::vectors_file(segment));
    let is_data =
        |file: &File| [names::IDS_ENDING, names::VECTORS_ENDING].iter().any(|one| file.name.ends_with(one));
    let loss = |why: String| Err(LeftOut::loss(segment, why));
    if !files.iter().any(is_data) {
        let why = "it has neither ids nor vectors";
        return match files.iter().find(|file| is_of_rows(file)) {
            Some(file) => {
                loss(format!("{why}, but `{}`, which only a segment with rows has", shown_name(&file.name)))
            }
            None => Err(LeftOut::without_loss(segment, why.into())),
        };
    }
    let number = match number(segment) {
        Some(number) if table.kind != TableKind::Foreign => number,
        Some(_) => return loss(format!("no collection has the name `{}`", shown_name(&table.id))),
        None => return loss("no segment has this name".into()),
    };
    let Some(ids) = files.iter().filter(|file| file.name == ids).max_by_key(|file| file.size) else {
        return loss(format!("its ids `{ids}` are missing"));
    };
    // Those in another folder of tables belong to other ids.
    let beside = |file: &&File| file.name == vectors && folder(&file.path) == folder(&ids.path);
    let Some(vectors) = files.iter().find(beside) else {
        return loss(format!("its vectors `{vectors}` are missing"));
    };
    let own = [&ids.name, &vectors.name].map(String::as_str);
    let irregular = files.iter().find(|file| {
        !file.is_regular && (own.contains(&file.name.as_str()) || file.name == names::DELETED_DOCS)
    });
    if let Some(file) = irregular {
        return loss(format!("`{}` is no regular file", file.name));
    }
    let rows = ids.size.saturating_sub(HEADER_LEN) / ID_BYTES;
    let bytes = vectors.size.saturating_sub(HEADER_LEN);
    let row_bytes = bytes.checked_div(rows);
    if rows.checked_mul(row_bytes.unwrap_or(0)) != Some(bytes) {
        return loss(format!("{bytes} bytes of vectors are no whole number for each of {rows} rows"));
    }
    // Rows that are not there can be of any width.
    let (float, binary) = layouts(row_bytes.unwrap_or(4));
    let Some(layout) = binary.or(float) else {
        return loss(format!("no vector has {} bytes", row_bytes.unwrap_or(0)));
    };
    let is_index = |file: &&File| file.is_regular && super::number(&file.name).is_some();
    Ok(Candidate {
        table: table.id.clone(),
        id: segment.to_owned(),
        number,
        row_bytes,
        layout,
        has_rows: ids.size.max(vectors.size) > HEADER_LEN,
        vectors: vectors.path.clone(),
        indexes: files.iter().filter(is_index).cloned().collect(),
    })
}

/// Whether only a segment that has or had rows has this file, which is neither ids nor vectors.
fn is_of_rows(file: &File) -> bool {
    let is_index = number(&file.name).is_some();
    let is_named = names::TEMPORARY.contains(&file.name.as_str()) || file.name == names::BLOOM_FILTER;
    // Without deletes it is a header.
    let has_deletes = file.name == names::DELETED_DOCS && (file.size > HEADER_LEN || !file.is_regular);
    is_index || is_named || has_deletes || file.name.ends_with(names::ATTRIBUTE_ENDING)
}

/// The folder of a file.
fn folder(path: &Path) -> &str {
    path.as_ref().rsplit_once('/').map_or("", |(folder, _)| folder)
}
