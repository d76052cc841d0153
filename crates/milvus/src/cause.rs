// SPDX-License-Identifier: Apache-2.0

use std::error::Error;
use std::fmt;

use tonic::{Code, Status};

/// What a call ended with instead of an answer.
///
/// It says what the transport said, without repeating what its own source says.
pub struct Cause(Box<Status>);

impl Cause {
    pub(crate) fn new(status: Status) -> Self {
        Self(Box::new(status))
    }

    pub(crate) fn status(&self) -> &Status {
        &self.0
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.message(), self.code()) {
            ("", code) => write!(f, "gRPC code {code:?}"),
            (message, Code::Unknown) => f.write_str(message),
            (message, code) => write!(f, "{message} (gRPC code {code:?})"),
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.source()?;
        // A status made of an error takes over its text.
        if source.to_string() == self.0.message() { source.source() } else { Some(source) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_says_message_and_code() {
        let text = |status| Cause::new(status).to_string();
        assert_eq!(text(Status::internal("broken")), "broken (gRPC code Internal)");
        assert_eq!(text(Status::unknown("transport error")), "transport error");
        assert_eq!(text(Status::unimplemented("")), "gRPC code Unimplemented");
    }

    #[test]
    fn a_cause_does_not_repeat_its_source() {
        let status = Status::from_error(Box::new(std::io::Error::other("connection lost")));
        let cause = Cause::new(status);
        let mut next = cause.source();
        while let Some(error) = next {
            assert_ne!(error.to_string(), "connection lost");
            next = error.source();
        }
        assert!(cause.to_string().contains("connection lost"), "{cause}");
    }
}
