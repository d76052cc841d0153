// SPDX-License-Identifier: Apache-2.0
//! The command: what it reads, writes, refuses and ends with.
