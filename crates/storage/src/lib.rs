// SPDX-License-Identifier: Apache-2.0

//! Where m2m reads and writes whole files: a local folder, or a bucket of an
//! S3 server with a prefix.
//!
//! A [`Storage`] turns what a user writes into an [`object_store::ObjectStore`]
//! and knows three ways to say where a file is: the store's own path, the text
//! for a message, and the text that Milvus 2.x wants in an import request.
//!
//! ```
//! use m2m_storage::{BucketOptions, Storage};
//!
//! # fn main() -> m2m_storage::Result<()> {
//! let options = BucketOptions {
//!     endpoint: Some("127.0.0.1:9000".to_owned()),
//!     access_key: Some("reader".to_owned()),
//!     secret_key: Some("a secret".into()),
//!     ..BucketOptions::default()
//! };
//! let storage = Storage::open("s3://bucket/dumps/today", &options)?;
//! let file = storage.child("colours/_default/1/id.npy");
//!
//! assert_eq!(storage.display(&file), "s3://bucket/dumps/today/colours/_default/1/id.npy");
//! assert_eq!(storage.import_path(&file), "dumps/today/colours/_default/1/id.npy");
//! # Ok(())
//! # }
//! ```
//!
//! A local folder is written whole and read back:
//!
//! ```
//! use m2m_storage::Storage;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let storage = Storage::local(folder)?;
//! storage.check_bucket().await?;
//! let file = storage.child("manifest.json");
//! storage.put_atomic(&file, "{}".into()).await?;
//! assert_eq!(storage.get(&file).await?, "{}");
//! # Ok(())
//! # }
//! ```
//!
//! # Which setting counts
//!
//! What [`BucketOptions`] leaves out is taken from the `AWS_*` environment
//! variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
//! `AWS_ENDPOINT_URL` and the others that `object_store` knows). A key pair
//! comes from one place as a whole: half a pair is an error, never completed
//! from the other place. An endpoint without a scheme is http, unless `use_ssl`
//! says otherwise. With an endpoint the bucket stands in the path, as MinIO and
//! its like want it; `virtual_hosted` puts it in front of the host name.
//!
//! # How long a failure takes
//!
//! | call | connects in | retries until |
//! |---|---|---|
//! | [`Storage::check_bucket`], [`Storage::exists`], [`Storage::get`] of a server that does not answer | 3 s | about 10 s, never past 15 s |
//! | everything else, through [`Storage::store`] | 5 s | 2 min after the request began, 10 times at most |
//!
//! A refused key or a missing bucket is not retried at all.
//!
//! # What it does not do
//!
//! It holds no notion of what the files mean, caches nothing, and never prints:
//! a secret has no `Display`, and its `Debug` is `***`.

mod azure;
mod bucket;
mod cause;
mod clients;
mod endpoint;
mod environment;
mod error;
mod google;
mod local;
mod location;
mod one_by_one;
mod options;
mod patience;
mod s3;
mod secret;
mod storage;

pub use cause::Cause;
pub use error::{Error, Result};
pub use options::{BucketOptions, Cloud};
pub use secret::Secret;
pub use storage::Storage;
