// SPDX-License-Identifier: Apache-2.0

use crate::proto::common::Status;
use crate::proto::milvus as pb;

/// An answer of the server, which always says whether the call succeeded.
pub(crate) trait Reply {
    fn status(&self) -> Option<&Status>;
}

impl Reply for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

macro_rules! replies {
    ($($answer:ident)*) => {$(
        impl Reply for pb::$answer {
            fn status(&self) -> Option<&Status> {
                self.status.as_ref()
            }
        }
    )*};
}

replies! {
    BoolResponse
    DescribeCollectionResponse
    DescribeIndexResponse
    FlushResponse
    GetFlushStateResponse
    GetImportStateResponse
    GetLoadingProgressResponse
    GetVersionResponse
    ImportResponse
    ListDatabasesResponse
    ListImportTasksResponse
    QueryResults
    SearchResults
    ShowCollectionsResponse
    ShowPartitionsResponse
    StatisticsResponse
}
