// SPDX-License-Identifier: Apache-2.0
//! An error on its way from an executor to a client.
//!
//! What fails in a task comes to the client as one text, in the notation of a debugger. The words
//! of an error and of its causes are put into that text in a form that survives it.

use std::error::Error;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

/// What the words stand between.
const MARKS: (&str, &str) = ("m2m-said:", ":m2m");

/// What an error in another process said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    text: String,
    cause: Option<Box<Self>>,
}

impl Told {
    /// The words of an error and of its causes.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::of(cause)));
        Self { text: error.to_string(), cause }
    }

    /// Finds what was said in a text; the text itself where nothing was put in.
    pub(crate) fn find(text: &str) -> Self {
        Self::marked(text).unwrap_or_else(|| Self { text: text.to_owned(), cause: None })
    }

    fn marked(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(MARKS.0)?;
        let (words, _) = rest.split_once(MARKS.1)?;
        let words: Vec<String> = serde_json::from_slice(&URL_SAFE.decode(words).ok()?).ok()?;
        let chain = words.into_iter().rev();
        chain.fold(None, |cause, text| Some(Self { text, cause: cause.map(Box::new) }))
    }

    /// A text in which [`Told::find`] finds this.
    pub(crate) fn mark(&self) -> String {
        let mut words = vec![self.text.as_str()];
        let mut cause = &self.cause;
        while let Some(told) = cause {
            words.push(&told.text);
            cause = &told.cause;
        }
        let words = serde_json::to_vec(&words).unwrap_or_default();
        format!("{}{}{}", MARKS.0, URL_SAFE.encode(words), MARKS.1)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot write \"a\"\nnor b")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn words_and_causes_survive_the_notation_of_a_debugger() {
        let told = Told::of(&Outer(std::io::Error::other("the disk — is full")));
        for text in [told.mark(), format!("Failed: {:?}", Some(told.mark()))] {
            let found = Told::find(&text);
            assert_eq!(found, told);
            assert_eq!(found.source().unwrap().to_string(), "the disk — is full");
        }
    }

    #[test]
    fn a_text_without_words_is_told_as_it_is() {
        for text in ["", "stage 1 failed", "m2m-said:???:m2m", "m2m-said:", "m2m-said:W10=:m2m"] {
            assert_eq!(Told::find(text), Told { text: text.into(), cause: None });
        }
    }
}
