// SPDX-License-Identifier: Apache-2.0

use std::path::PathBuf;

use object_store::multipart::MultipartStore;

use super::Storage;
use crate::parts::LocalParts;
use crate::uploads::UnfinishedUpload;
use crate::{Error, Result, local};

const LIST: &str = "list uploads below";
const ABORT: &str = "end an upload of";

impl Storage {
    /// Lists the uploads of files below the root that were begun and neither completed
    /// nor ended, whoever began them. They may be on their way at this moment: which
    /// of them are the caller's own, only the caller knows, by their exact paths.
    ///
    /// * A folder has files named like `id.npy#1` beside the place of `id.npy`. Links
    ///   are not followed.
    /// * Buckets that are spoken to in S3 are asked. MinIO lists none below a prefix;
    ///   it removes those by itself that are a day old.
    /// * Azure and Google in its own protocol have none: parts that no file was made
    ///   of cannot be listed there. Azure removes them after a week. Google keeps
    ///   them; give the bucket a rule that aborts uploads.
    /// * A root [with a leading slash](Storage::with_leading_slash) has none: it is for
    ///   reading.
    ///
    /// # Errors
    ///
    /// [`Error::Store`], [`Error::FolderNotReadable`] and the errors of a bucket that
    /// cannot be used.
    pub async fn unfinished_uploads(&self) -> Result<Vec<UnfinishedUpload>> {
        let Some(remote) = &self.remote else { return self.local_uploads().await };
        match &remote.s3 {
            Some(s3) if !remote.bucket.has_leading_slash => {
                let listed = s3.unfinished_uploads(&self.prefix).await;
                listed.map_err(|error| self.bucket_failure(LIST, &self.prefix, error))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Ends an upload: what was sent of it is removed. One that is not there any more
    /// is no error, and a complete file under its name stays.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] and the errors of a bucket that cannot be used.
    pub async fn abort_upload(&self, upload: &UnfinishedUpload) -> Result<()> {
        let (path, id) = (&upload.path, upload.id().to_owned());
        let aborted = match &self.remote {
            // How long parts are does not matter to their end.
            None => LocalParts::new(1).abort_multipart(path, &id).await,
            Some(remote) => remote.parts.abort_multipart(path, &id).await,
        };
        match aborted {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failure(ABORT, path, error)),
        }
    }

    async fn local_uploads(&self) -> Result<Vec<UnfinishedUpload>> {
        let folder = PathBuf::from(format!("/{}", self.prefix));
        let listed = tokio::task::spawn_blocking(move || local::unfinished_uploads(&folder)).await;
        listed.unwrap_or_else(|source| {
            Err(Error::FolderNotReadable { folder: format!("/{}", self.prefix), source: source.into() })
        })
    }
}
