// SPDX-License-Identifier: Apache-2.0

use std::fmt;

/// A text that must not reach a log, a message or a report.
///
/// It has no `Display`, and its `Debug` is `***` whatever it holds.
///
/// ```
/// use m2m_storage::Secret;
///
/// let secret = Secret::from("swordfish");
/// assert_eq!(format!("{secret:?}"), "***");
/// assert_eq!(secret.expose(), "swordfish");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Returns the text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
