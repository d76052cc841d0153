// SPDX-License-Identifier: Apache-2.0

mod damage;
mod listing;
mod merges;
mod partitions;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use m2m_catalog::{Collection, Metric};
use tempfile::TempDir;

use super::*;
use crate::error::Error;
use crate::session::{SessionOptions, session};
use crate::testing::write;

/// A `tables` folder that is written byte by byte.
struct Tables(TempDir);

impl Tables {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Adds a segment of rows of 8 bytes: ids, each with the first byte of its vector.
    fn segment(&self, table: &str, segment: &str, rows: &[(i64, u8)], deleted: &[i32]) -> &Self {
        let folder = self.path(table).join(segment);
        fs::create_dir_all(&folder).unwrap();
        let ids: Vec<u8> = rows.iter().flat_map(|(id, _)| id.to_le_bytes()).collect();
        let vectors: Vec<u8> = rows.iter().flat_map(|(_, first)| [*first, 0, 0, 63, 0, 0, 0, 63]).collect();
        write(&folder.join(format!("{segment}.uid")), &ids);
        write(&folder.join(format!("{segment}.rv")), &vectors);
        let deleted: Vec<u8> = deleted.iter().flat_map(|offset| offset.to_le_bytes()).collect();
        write(&folder.join("deleted_docs"), &deleted);
        self
    }

    async fn find(&self) -> Result<Findings> {
        Findings::read(vec![Storage::local(self.0.path()).unwrap()]).await
    }

    async fn recover(&self, choices: &Choices) -> Recovered {
        let ctx = session(SessionOptions { workers: 2, ..SessionOptions::default() }).unwrap();
        self.find().await.unwrap().recover(&ctx, choices).await.unwrap()
    }
}

fn l2() -> Choices {
    Choices { float_metric: Some(Metric::L2), ..Choices::default() }
}

fn collection<'a>(recovered: &'a Recovered, name: &str) -> &'a Collection {
    recovered.inventory.collections.iter().find(|collection| collection.name == name).unwrap()
}

fn segments(recovered: &Recovered, name: &str) -> Vec<String> {
    collection(recovered, name).segments().map(|(_, segment)| segment.segment_id.clone()).collect()
}

#[track_caller]
fn says(recovered: &Recovered, words: &[&str]) {
    let text = recovered.report.to_string();
    assert!(text.lines().any(|line| words.iter().all(|word| line.contains(word))), "{words:?} in\n{text}");
}

const ABC: [(i64, u8); 3] = [(1, 1), (2, 2), (3, 3)];

#[tokio::test]
async fn collections_rows_and_dimension_are_in_the_files() {
    let tables = Tables::new();
    tables.segment("a", "1620000000417262000", &ABC, &[1]).segment("a", "1620000000417263000", &[], &[]);
    let recovered = tables.recover(&l2()).await;
    let a = collection(&recovered, "a");
    assert_eq!((a.dimension(), a.metric, a.created_on), (2, Metric::L2, 1_620_000_000_417_262));
    let rows: Vec<_> = a.segments().map(|(_, segment)| (segment.row_count, segment.file_size)).collect();
    assert_eq!(rows, [(Some(2), 48), (Some(0), 0)]);
    assert!(!recovered.report.is_incomplete);
    says(&recovered, &["certain", "8 bytes a row"]);
    says(&recovered, &["given", "float vectors of dimension 2"]);
    let binary = Choices { binary_metric: Some(Metric::Jaccard), ..Choices::default() };
    assert_eq!(collection(&tables.recover(&binary).await, "a").dimension(), 64);
}

#[tokio::test]
async fn an_open_question_is_an_error() {
    let tables = Tables::new();
    tables.segment("a", "1", &ABC, &[]);
    let findings = tables.find().await.unwrap();
    let question = findings.questions(&Choices::default()).unwrap().remove(0);
    assert_eq!(question.text(), "8 bytes a row: 2 floats, or 64 bits; they look like floats (a guess)");
    let ctx = session(SessionOptions::default()).unwrap();
    let error = findings.recover(&ctx, &Choices::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("--metric: `a` has 8 bytes"), "{error}");
}
