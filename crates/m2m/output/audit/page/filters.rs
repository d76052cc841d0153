// SPDX-License-Identifier: Apache-2.0
//! How values are written on the page.
#![expect(unreachable_pub, reason = "`filter_fn` makes public functions, whatever stands here")]

use askama::{Result, Values, filter_fn};
use indicatif::{HumanBytes, HumanCount};

/// Text of the installation, with what cannot be seen, or would reorder what stands beside
/// it, spelled out: such a character may be all that two names differ in.
#[filter_fn]
pub(super) fn visible<T: AsRef<str>>(text: T, _: &dyn Values) -> Result<String> {
    Ok(crate::output::words::visible(text.as_ref()))
}

/// A number with separators between thousands.
#[filter_fn]
pub(super) fn number(number: &u64, _: &dyn Values) -> Result<String> {
    Ok(HumanCount(*number).to_string())
}

/// A number and what it counts.
#[filter_fn]
pub(super) fn counted(number: &u64, _: &dyn Values, noun: &str) -> Result<String> {
    Ok(crate::output::words::counted(*number, noun))
}

/// How many things there are, and what they are.
#[filter_fn]
pub(super) fn many<T>(things: &[T], _: &dyn Values, noun: &str) -> Result<String> {
    Ok(crate::output::words::counted(things.len() as u64, noun))
}

/// A number of bytes, rounded.
#[filter_fn]
pub(super) fn bytes(bytes: &u64, _: &dyn Values) -> Result<String> {
    Ok(HumanBytes(*bytes).to_string())
}

/// A place in a drawing.
#[filter_fn]
pub(super) fn coordinate(value: &f64, _: &dyn Values) -> Result<String> {
    Ok(format!("{value:.1}"))
}

/// A duration.
#[filter_fn]
pub(super) fn seconds(seconds: &f64, _: &dyn Values) -> Result<String> {
    Ok(match *seconds < 1.0 {
        true => format!("{seconds:.3} s"),
        false => format!("{seconds:.1} s"),
    })
}
