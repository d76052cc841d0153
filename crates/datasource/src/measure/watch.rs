// SPDX-License-Identifier: Apache-2.0
//! Watching how far the measurements are.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Is told of the rows that are read for the tables `segments`, `norms` and
/// `invalid_rows` of schema `measure`, whose vectors take nearly all of the time.
pub trait MeasureObserver: Send + Sync {
    /// So many more rows were read, and so many bytes of them.
    fn on_rows(&self, rows: u64, bytes: u64);
}

/// Who watches, if anybody does. Clones have the same watcher.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    observer: Arc<RwLock<Option<Arc<dyn MeasureObserver>>>>,
}

impl Watch {
    pub(crate) fn set(&self, observer: Arc<dyn MeasureObserver>) {
        *self.observer.write().unwrap_or_else(PoisonError::into_inner) = Some(observer);
    }

    pub(super) fn rows(&self, rows: u64, bytes: u64) {
        if let Some(observer) = &*self.observer.read().unwrap_or_else(PoisonError::into_inner) {
            observer.on_rows(rows, bytes);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
