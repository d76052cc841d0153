// SPDX-License-Identifier: Apache-2.0

use std::fmt;

/// What a server says about its version.
///
/// A build without a number, such as one made from a branch, counts as newer
/// than every release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    raw: String,
    number: Option<[u32; 3]>,
}

impl ServerVersion {
    /// Reads a version such as `v2.3.5-lite` or `2.4`.
    ///
    /// ```
    /// use m2m_milvus::ServerVersion;
    ///
    /// let version = ServerVersion::parse("v2.3.5-lite");
    /// assert!(version.at_least(2, 3));
    /// assert!(!version.at_least(2, 4));
    /// assert_eq!(version.to_string(), "v2.3.5-lite");
    /// ```
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        Self { raw: raw.to_owned(), number: number(raw) }
    }

    /// Whether this is the given release series or a newer one.
    #[must_use]
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        self.at_least_release(major, minor, 0)
    }

    /// Whether this is the given release or a newer one.
    #[must_use]
    pub fn at_least_release(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.number.is_none_or(|number| number >= [major, minor, patch])
    }

    /// Whether this is exactly the given release.
    #[must_use]
    pub fn is(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.number == Some([major, minor, patch])
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.raw)
    }
}

fn number(raw: &str) -> Option<[u32; 3]> {
    let text = raw.trim().trim_start_matches(['v', 'V']);
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let mut parts = text.get(..end)?.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let patch = parts.next().and_then(|patch| patch.parse().ok()).unwrap_or(0);
    Some([major, minor, patch])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_ordered_by_their_numbers() {
        for (raw, at_least_2_4) in [
            ("v2.2.16", false),
            ("v2.3.5-lite", false),
            ("2.4", true),
            ("v2.10.0-rc.1", true),
            ("3.0.0", true),
        ] {
            assert_eq!(ServerVersion::parse(raw).at_least(2, 4), at_least_2_4, "{raw}");
        }
        assert!(ServerVersion::parse("v2.3.0").is(2, 3, 0));
        assert!(!ServerVersion::parse("v2.3.1").is(2, 3, 0));
    }

    #[test]
    fn a_release_is_newer_than_those_of_its_series_before_it() {
        let version = ServerVersion::parse("v2.2.9");
        assert!(version.at_least_release(2, 2, 9) && version.at_least_release(2, 1, 16));
        assert!(!version.at_least_release(2, 2, 10) && !version.at_least_release(2, 3, 0));
        assert!(ServerVersion::parse("2.10").at_least_release(2, 9, 9));
    }

    #[test]
    fn a_build_without_a_number_counts_as_newest() {
        for raw in ["", "master-20260101", "39d3f7c", "v", "2"] {
            assert!(ServerVersion::parse(raw).at_least(9, 9), "{raw}");
        }
    }
}
