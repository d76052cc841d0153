// SPDX-License-Identifier: Apache-2.0
//! How far an audit is: nearly all of its time goes into the pass over the vectors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use m2m_datasource::Source;
use m2m_datasource::measure::MeasureObserver;

use super::scope::Scope;
use crate::event::{Event, Observer, Phase};

/// Tells an observer of the rows that are read.
pub(super) struct Meter {
    observer: Arc<dyn Observer>,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Meter {
    /// Begins to watch a source.
    pub(super) async fn begin(source: &Source, scope: &Scope, observer: &Arc<dyn Observer>) -> Arc<Self> {
        let (mut rows, mut bytes) = (0, 0);
        for name in scope.asked() {
            // Why it is not known how much there is to read, the checks will say.
            let total = source.measure_total(name).await.unwrap_or_default();
            rows += total.rows;
            bytes += total.bytes;
        }
        observer.on_event(&Event::Started { phase: Phase::Audit, rows, bytes });
        let meter = Arc::new(Self {
            observer: Arc::clone(observer),
            rows: AtomicU64::default(),
            bytes: AtomicU64::default(),
        });
        source.watch_measure(Arc::clone(&meter) as Arc<dyn MeasureObserver>);
        meter
    }

    pub(super) fn finish(&self) {
        self.observer.on_event(&Event::Finished { phase: Phase::Audit });
    }
}

impl MeasureObserver for Meter {
    fn on_rows(&self, rows: u64, bytes: u64) {
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.observer.on_event(&Event::Progress { phase: Phase::Audit, rows, bytes });
    }
}
