// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::Mapped;
use crate::error::{Error, Result};
use crate::fields::VectorType;
use crate::index::IndexSpec;
use crate::version::ServerVersion;

/// `M` and `efConstruction` of a graph that nobody chose.
const DEFAULT_EDGES: i64 = 16;
const DEFAULT_CANDIDATES: i64 = 200;
/// The `nlist` that vectors may be divided into, and the one that nobody chose.
const LISTS: RangeInclusive<i64> = 1..=65_536;
const DEFAULT_LISTS: i64 = 1024;
/// As many binary vectors are not compared one by one.
const MANY_ROWS: u64 = 100_000;

/// The index of a 1.x collection on a 2.x server; `metric` is the 2.x metric.
///
/// | 1.x | 2.x, floats | 2.x, bits |
/// |---|---|---|
/// | `FLAT` | `FLAT` | `BIN_FLAT` |
/// | `IVF_FLAT` | `IVF_FLAT` | `BIN_IVF_FLAT` |
/// | `IVF_SQ8`, `IVF_SQ8H` | `IVF_SQ8` | `BIN_FLAT` |
/// | `IVF_PQ` | `IVF_PQ`, or `IVF_SQ8` if `m` does not divide the dimension | `BIN_FLAT` |
/// | `HNSW` | `HNSW` | `BIN_FLAT` |
/// | `ANNOY` | `ANNOY` on 2.2, `HNSW` on newer servers | `BIN_FLAT` |
/// | `RNSG`, `SPTAG_KDT`, `SPTAG_BKT` | `HNSW` | `BIN_FLAT` |
/// | `BIN_FLAT` | `FLAT` | `BIN_FLAT` |
/// | `BIN_IVF_FLAT` | `FLAT` | `BIN_IVF_FLAT` |
/// | anything else | `FLAT` | `BIN_FLAT` |
///
/// 2.2 takes the order for an index `NSG`, the name of `RNSG` in 2.x, and never
/// builds it. `SUBSTRUCTURE` and `SUPERSTRUCTURE` allow no index but `BIN_FLAT`.
/// Parameters are brought into the range that the server accepts:
///
/// | | 2.2 | 2.3 and newer |
/// |---|---|---|
/// | `nlist` | 1 to 65536 | 1 to 65536 |
/// | `M` | 4 to 64 | 2 to 2048 |
/// | `efConstruction` | 8 to 512 | 1 to 999999 |
/// | `n_trees` | 1 to 1024 | – |
///
/// # Errors
///
/// When the parameters are not a JSON object, or one that is needed is not a
/// whole number.
pub fn index(
    source: &str,
    params_json: &str,
    metric: &str,
    vector: VectorType,
    version: &ServerVersion,
) -> Result<Mapped<IndexSpec>> {
    let given = Given::parse(source, params_json)?;
    let mut draft = match vector {
        VectorType::Float(dimension) => float(&given, dimension, version)?,
        VectorType::Binary(_) => binary(&given, metric)?,
    };
    let notes = std::mem::take(&mut draft.notes);
    let note = (!notes.is_empty()).then(|| format!("index {source} {}", notes.join(", ")));
    Ok(Mapped { value: draft.spec(metric), note })
}

/// The index that suits vectors of which `rows` are expected, whatever the 1.x
/// collection had; without a number of rows it suits many. `metric` is the 2.x
/// metric. The note says why it is this one.
///
/// | vectors | |
/// |---|---|
/// | floats | `AUTOINDEX`, which leaves it to the server; `HNSW` before 2.2.16 |
/// | bits | `BIN_FLAT` for less than 100000 rows, else `BIN_IVF_FLAT` |
///
/// `SUBSTRUCTURE` and `SUPERSTRUCTURE` allow no index but `BIN_FLAT`.
#[must_use]
pub fn auto_index(
    metric: &str,
    vector: VectorType,
    rows: impl Into<Option<u64>>,
    version: &ServerVersion,
) -> Mapped<IndexSpec> {
    let draft = match vector {
        VectorType::Float(_) => auto_float(version),
        VectorType::Binary(_) => auto_binary(metric, rows.into()),
    };
    let note = format!("index {} is chosen: {}", draft.index_type, draft.notes.join(", "));
    Mapped { value: draft.spec(metric), note: Some(note) }
}

fn auto_float(version: &ServerVersion) -> Draft {
    if version.at_least_release(2, 2, 16) {
        return Draft::new("AUTOINDEX").note("the server decides how it is built".to_owned());
    }
    let note = format!("Milvus {version} does not decide by itself, and a graph suits most searches");
    let graph = Draft::new("HNSW").set("M", DEFAULT_EDGES).set("efConstruction", DEFAULT_CANDIDATES);
    graph.note(note)
}

fn auto_binary(metric: &str, rows: Option<u64>) -> Draft {
    let flat = || Draft::new("BIN_FLAT");
    if is_structure(metric) {
        return flat().note(format!("it is the only one for metric {metric}"));
    }
    match rows {
        Some(rows) if rows < MANY_ROWS => flat().note(format!("{rows} rows are compared one by one")),
        Some(rows) => {
            let lists = i64::try_from(rows.isqrt().saturating_mul(4)).unwrap_or(i64::MAX);
            let lists = lists.clamp(*LISTS.start(), *LISTS.end());
            let note = format!("{rows} rows are many to compare one by one, {lists} lists divide them");
            Draft::new("BIN_IVF_FLAT").set("nlist", lists).note(note)
        }
        None => {
            let note =
                format!("it is not known how many rows there will be, {DEFAULT_LISTS} lists divide them");
            Draft::new("BIN_IVF_FLAT").set("nlist", DEFAULT_LISTS).note(note)
        }
    }
}

fn is_structure(metric: &str) -> bool {
    matches!(metric, "SUBSTRUCTURE" | "SUPERSTRUCTURE")
}

fn float(given: &Given<'_>, dimension: u32, version: &ServerVersion) -> Result<Draft> {
    match given.index {
        "FLAT" => Ok(Draft::new("FLAT")),
        "IVF_FLAT" => Draft::new("IVF_FLAT").nlist(given),
        "IVF_SQ8" => Draft::new("IVF_SQ8").nlist(given),
        "IVF_SQ8H" => Draft::new("IVF_SQ8")
            .note("becomes IVF_SQ8, the same without a graphics card".to_owned())
            .nlist(given),
        "IVF_PQ" => product_quantised(given, dimension),
        "HNSW" => Draft::new("HNSW").graph(given, version),
        "ANNOY" if !version.at_least(2, 3) => Draft::new("ANNOY").clamped(given, "n_trees", 8, 1..=1024),
        other if is_graph_or_tree(other) => {
            let note = format!("becomes HNSW, because Milvus {version} has no {other}");
            Draft::new("HNSW").note(note).graph(&Given { index: other, params: Map::new() }, version)
        }
        _ => Ok(Draft::new("FLAT").note("is none that fits float vectors and becomes FLAT".to_owned())),
    }
}

fn binary(given: &Given<'_>, metric: &str) -> Result<Draft> {
    let flat = || Draft::new("BIN_FLAT");
    match given.index {
        "FLAT" | "BIN_FLAT" => Ok(flat()),
        _ if is_structure(metric) => {
            Ok(flat().note(format!("becomes BIN_FLAT, the only one for metric {metric}")))
        }
        "IVF_FLAT" | "BIN_IVF_FLAT" => Draft::new("BIN_IVF_FLAT").nlist(given),
        _ => Ok(flat().note("is none that fits binary vectors and becomes BIN_FLAT".to_owned())),
    }
}

/// Product quantisation cuts a vector into `m` pieces of one length.
fn product_quantised(given: &Given<'_>, dimension: u32) -> Result<Draft> {
    let pieces = given.number("m")?;
    match pieces.filter(|pieces| *pieces > 0 && i64::from(dimension) % pieces == 0) {
        Some(pieces) => Draft::new("IVF_PQ").set("m", pieces).nlist(given),
        None => {
            let m = pieces.map_or_else(|| "without m".to_owned(), |m| format!("with m {m}"));
            let note = format!("{m} becomes IVF_SQ8, because m must divide the dimension {dimension}");
            Draft::new("IVF_SQ8").note(note).nlist(given)
        }
    }
}

fn is_graph_or_tree(index: &str) -> bool {
    matches!(index, "RNSG" | "NSG" | "ANNOY") || index.starts_with("SPTAG")
}

/// An index on its way to 2.x.
struct Draft {
    index_type: &'static str,
    params: BTreeMap<String, String>,
    notes: Vec<String>,
}

impl Draft {
    fn new(index_type: &'static str) -> Self {
        Self { index_type, params: BTreeMap::new(), notes: Vec::new() }
    }

    fn spec(self, metric: &str) -> IndexSpec {
        let (index_type, metric) = (self.index_type.to_owned(), metric.to_owned());
        IndexSpec { index_type, metric, params: self.params }
    }

    fn note(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    fn set(mut self, name: &str, value: i64) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }

    fn nlist(self, given: &Given<'_>) -> Result<Self> {
        self.clamped(given, "nlist", DEFAULT_LISTS, LISTS)
    }

    fn graph(self, given: &Given<'_>, version: &ServerVersion) -> Result<Self> {
        let (edges, candidates) = match version.at_least(2, 3) {
            // A server loses numbers of more digits on their way.
            true => (2..=2048, 1..=999_999),
            false => (4..=64, 8..=512),
        };
        self.clamped(given, "M", DEFAULT_EDGES, edges)?.clamped(
            given,
            "efConstruction",
            DEFAULT_CANDIDATES,
            candidates,
        )
    }

    fn clamped(
        self,
        given: &Given<'_>,
        name: &'static str,
        default: i64,
        range: RangeInclusive<i64>,
    ) -> Result<Self> {
        let (value, note) = match given.number(name)? {
            None => (default, format!("gets {name} {default}, it had none")),
            Some(value) if range.contains(&value) => return Ok(self.set(name, value)),
            Some(value) => {
                let nearest = value.clamp(*range.start(), *range.end());
                (nearest, format!("gets {name} {nearest}, the nearest to {value} that is allowed"))
            }
        };
        Ok(self.set(name, value).note(note))
    }
}

/// The parameters of a 1.x index.
struct Given<'a> {
    index: &'a str,
    params: Map<String, Value>,
}

impl<'a> Given<'a> {
    fn parse(index: &'a str, json: &str) -> Result<Self> {
        let params = if json.trim().is_empty() { Ok(Map::new()) } else { serde_json::from_str(json) };
        let params = params.map_err(|source| Error::IndexParameters {
            index: index.to_owned(),
            params: json.to_owned(),
            source,
        })?;
        Ok(Self { index, params })
    }

    fn number(&self, name: &'static str) -> Result<Option<i64>> {
        let number = match self.params.get(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_i64(),
        };
        let value = || self.params.get(name).map(Value::to_string).unwrap_or_default();
        let bad = || Error::IndexParameter { index: self.index.to_owned(), name, value: value() };
        number.ok_or_else(bad).map(Some)
    }
}

#[cfg(test)]
mod tests;
