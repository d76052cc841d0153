// SPDX-License-Identifier: Apache-2.0
//! An audit for people.

pub(crate) mod page;
mod text;

pub(crate) use text::text;
