// SPDX-License-Identifier: Apache-2.0

use super::{Mapped, limits};
use crate::error::{Error, Result};
use crate::version::ServerVersion;

/// The metric of a 1.x collection on a 2.x server.
///
/// | 1.x | 2.2 | 2.3 and newer |
/// |---|---|---|
/// | `L2`, `IP`, `HAMMING`, `JACCARD` | the same | the same |
/// | `TANIMOTO` | the same | `JACCARD`, which ranks the same |
/// | `SUBSTRUCTURE`, `SUPERSTRUCTURE` | the same | the same, but 2.3.0 has none |
///
/// # Errors
///
/// When the server has no counterpart.
pub fn metric(source: &str, version: &ServerVersion) -> Result<Mapped<String>> {
    let unsupported =
        |remedy| Error::UnsupportedMetric { metric: source.to_owned(), version: version.to_string(), remedy };
    let (value, note) = match source {
        "L2" | "IP" | "HAMMING" | "JACCARD" => (source, None),
        "TANIMOTO" if version.at_least(2, 3) => ("JACCARD", Some(TANIMOTO)),
        "TANIMOTO" => (source, None),
        "SUBSTRUCTURE" | "SUPERSTRUCTURE" if version.is(2, 3, 0) => {
            return Err(unsupported("2.3.0 alone lacks it, use a newer release"));
        }
        "SUBSTRUCTURE" | "SUPERSTRUCTURE" if version.at_least(2, 4) => (source, Some(STRUCTURE)),
        "SUBSTRUCTURE" | "SUPERSTRUCTURE" => (source, None),
        _ => {
            return Err(unsupported(
                "expected L2, IP, HAMMING, JACCARD, TANIMOTO, SUBSTRUCTURE or SUPERSTRUCTURE",
            ));
        }
    };
    Ok(Mapped { value: value.to_owned(), note: note.map(|note| format!("metric {source} {note}")) })
}

/// Makes sure that the server has the metric `COSINE`, which ranks vectors as
/// `IP` does when all of them are of one length.
///
/// # Errors
///
/// When the server is older than 2.3.
pub fn cosine(version: &ServerVersion) -> Result<()> {
    if limits(version).has_cosine {
        return Ok(());
    }
    let (metric, version) = ("COSINE".to_owned(), version.to_string());
    Err(Error::UnsupportedMetric { metric, version, remedy: "use Milvus 2.3 or newer, or keep IP" })
}

const TANIMOTO: &str = "becomes JACCARD: results come in the same order, but a distance d is now \
    1 - 2^-d (Tanimoto is -log2 of the same similarity)";
const STRUCTURE: &str =
    "is no longer in the documentation of this server's series: test searches after the migration";

#[cfg(test)]
mod tests {
    use super::*;

    fn map(source: &str, version: &str) -> Result<Mapped<String>> {
        metric(source, &ServerVersion::parse(version))
    }

    #[test]
    fn common_metrics_stay_on_every_server() {
        for version in ["v2.2.16", "v2.3.5-lite", "v2.4.1", "v3.0.0"] {
            for source in ["L2", "IP", "HAMMING", "JACCARD"] {
                assert_eq!(map(source, version).unwrap(), Mapped { value: source.to_owned(), note: None });
            }
        }
    }

    #[test]
    fn tanimoto_becomes_jaccard_from_2_3_on() {
        assert_eq!(map("TANIMOTO", "v2.2.16").unwrap(), Mapped { value: "TANIMOTO".to_owned(), note: None });
        for version in ["v2.3.0", "v2.3.5-lite", "v2.5.0"] {
            let mapped = map("TANIMOTO", version).unwrap();
            assert_eq!(mapped.value, "JACCARD");
            assert!(mapped.note.unwrap().starts_with("metric TANIMOTO becomes JACCARD"));
        }
    }

    #[test]
    fn structures_stay_but_2_3_0_lacks_them() {
        for source in ["SUBSTRUCTURE", "SUPERSTRUCTURE"] {
            for version in ["v2.2.16", "v2.3.1", "v2.3.5-lite"] {
                assert_eq!(map(source, version).unwrap(), Mapped { value: source.to_owned(), note: None });
            }
            let newer = map(source, "v2.4.0").unwrap();
            assert_eq!(newer.value, source);
            assert!(newer.note.is_some());
            let error = map(source, "v2.3.0").unwrap_err();
            assert!(error.to_string().contains("use a newer release"), "{error}");
        }
    }

    #[test]
    fn cosine_came_with_2_3() {
        for version in ["v2.3.0", "v2.3.5-lite", "v3.0.0", "master"] {
            cosine(&ServerVersion::parse(version)).unwrap();
        }
        assert_eq!(
            cosine(&ServerVersion::parse("v2.2.16")).unwrap_err().to_string(),
            "metric `COSINE` has no counterpart in Milvus v2.2.16: use Milvus 2.3 or newer, or keep IP"
        );
    }

    #[test]
    fn an_unknown_metric_is_an_error() {
        for source in ["", "l2", "COSINE", "unknown (9)"] {
            let error = map(source, "v2.3.5").unwrap_err();
            assert!(matches!(error, Error::UnsupportedMetric { .. }), "{error}");
        }
    }
}
