// SPDX-License-Identifier: Apache-2.0
//! The object stores that an executor knows.

use std::sync::Arc;

use datafusion::error::Result as DFResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use m2m_datasource::SEGMENTS_SCHEME;
use object_store::ObjectStore;
use url::Url;

use crate::error::Error;

/// Says of segments that it does not know where they are.
#[derive(Debug)]
pub(crate) struct Stores(pub(crate) Arc<dyn ObjectStoreRegistry>);

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.0.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> DFResult<Arc<dyn ObjectStore>> {
        match self.0.get_store(url) {
            Err(_) if url.scheme() == SEGMENTS_SCHEME => Err(Error::OtherSegments.into()),
            found => found,
        }
    }
}
