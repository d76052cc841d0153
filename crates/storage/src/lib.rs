// SPDX-License-Identifier: Apache-2.0

//! Where m2m reads and writes whole files: a local folder, or a bucket of a
//! cloud or of an S3 server, with a prefix.
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
//!     access_key: Some("reader".into()),
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
//! # Clouds
//!
//! | cloud | URL | spoken to in | endpoint when none is given | region |
//! |---|---|---|---|---|
//! | AWS, MinIO and others | `s3://` | S3 | `https://s3.<region>.amazonaws.com` | `us-east-1` |
//! | Alibaba OSS | `oss://` | S3 | `https://oss-<region>.aliyuncs.com` | must be known |
//! | Tencent COS | `cos://` | S3 | `https://cos.<region>.myqcloud.com` | must be known |
//! | Google, with a key pair | `gs://` | S3 | `https://storage.googleapis.com` | `auto` |
//! | Google, otherwise | `gs://` | its XML interface | `https://storage.googleapis.com` | |
//! | Azure | `az://`, `abfs://`, `abfss://` | Blob Storage | `https://<account>.blob.core.windows.net` | |
//!
//! The region of OSS and COS is taken from the options, from the environment or
//! from the endpoint's name. The endpoint of Azure is a suffix such as
//! `core.windows.net` or `blob.core.chinacloudapi.cn`, the account's own host, or
//! `host:port` of an emulator, where the account stands in the path.
//!
//! Credentials are those of the first column that has any:
//!
//! | cloud | 1. options | 2. environment | 3. the machine |
//! |---|---|---|---|
//! | AWS | access key and secret key | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | web identity, container, instance role |
//! | OSS | the same | `ALIBABA_CLOUD_ACCESS_KEY_ID`, `…_SECRET`, `ALIBABA_CLOUD_SECURITY_TOKEN`; `OSS_ACCESS_KEY_ID`, `…_SECRET`, `OSS_SESSION_TOKEN` | none: roles are an error |
//! | COS | the same | `TENCENTCLOUD_SECRET_ID`, `…_KEY`, `TENCENTCLOUD_SESSION_TOKEN`; `COS_SECRETID`, `COS_SECRETKEY`, `COS_TOKEN` | none: roles are an error |
//! | Google | HMAC key and secret | `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_SERVICE_ACCOUNT_KEY`, `GOOGLE_APPLICATION_CREDENTIALS` | what `gcloud` left in the home folder, instance role |
//! | Azure | account, and its key or a SAS token | `AZURE_STORAGE_ACCOUNT`, `AZURE_STORAGE_KEY`, `AZURE_STORAGE_SAS_TOKEN`, `AZURE_STORAGE_CONNECTION_STRING`; `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET` | workload identity, managed identity |
//!
//! * [`BucketOptions::use_iam`] leaves out every key, and asks the machine.
//!   For Google it leaves out the HMAC pair alone.
//! * A key pair comes from one place as a whole: half a pair is an error, never
//!   completed from the other place. An Azure account may be named alone.
//! * Profiles (`AWS_PROFILE`) and shared credentials files of AWS are not read.
//! * A key signs and stays here, a token is shown to the server. A SAS token of the
//!   environment is for the account and the endpoint that are named with it, or for
//!   Azure itself; Azure's other tokens are sent by https alone.
//! * Google's tokens are sent to Google alone, by https; to another https server
//!   with [`BucketOptions::use_iam`]. Every other server, such as an emulator, is
//!   asked without credentials. Azure's emulator has a well-known account and key.
//!
//! # Which setting counts
//!
//! What [`BucketOptions`] leaves out is taken from the cloud's environment
//! variables, endpoint and region included: `AWS_ENDPOINT_URL`, `AWS_REGION`,
//! `OSS_ENDPOINT`, `ALIBABA_CLOUD_REGION_ID`, `OSS_REGION`, `COS_ENDPOINT`,
//! `TENCENTCLOUD_REGION`, `COS_REGION`, `GOOGLE_BASE_URL`, `STORAGE_EMULATOR_HOST`,
//! `AZURE_STORAGE_ENDPOINT`. What else `object_store` knows of `AWS_*`,
//! `GOOGLE_*` and `AZURE_*` is honoured too.
//!
//! A scheme in the endpoint counts most. Without one, a host in a cloud's own domain
//! is https. Any other endpoint of the options is what `use_ssl` says; when that says
//! nothing, http for addresses, for `localhost` and for S3 servers, and https for the
//! names of all others.
//!
//! The bucket stands in the path, except with OSS and COS, which want it in front
//! of the host name; `virtual_hosted` decides otherwise.
//!
//! # How long a failure takes
//!
//! | call | connects in | retries until |
//! |---|---|---|
//! | [`Storage::check_bucket`], [`Storage::check_readable`], [`Storage::exists`], [`Storage::get`] of a server that does not answer | 3 s | about 10 s, never past 15 s |
//! | [`Storage::check_bucket`], to remove its file when the check fails | | 5 s more |
//! | everything else, through [`Storage::store`] | 5 s | 2.5 min after the request began, 10 times at most |
//!
//! * A request of the last row that is not answered whole within 60 s has failed: a
//!   server that takes requests and never answers is given up after 3 min.
//! * What can pass is tried again, after pauses that grow and are partly chance: no
//!   connection, one that breaks off, no answer in time, 5xx (but not 501), 429 and 408.
//!   A refused key, a missing bucket and every other answer is not.
//! * A body that breaks off half-way is taken up where it ended, while the file is the
//!   same; otherwise reading it fails. Files that are read whole must be as long as the
//!   answer says.
//!
//! # What a killed process leaves
//!
//! A file appears under its name when it is complete. What was sent of it before stays:
//! locally in a file beside its place, named like `id.npy#1`, in a bucket as an upload
//! that costs room and shows in no listing of files. [`Storage::unfinished_uploads`]
//! and [`Storage::abort_upload`] find and end both.
//!
//! # Certificates
//!
//! Servers are believed that show a certificate of an authority that the system knows,
//! or of one in [`BucketOptions::ca_file`].
//!
//! # What it does not do
//!
//! It holds no notion of what the files mean, caches nothing, and never prints:
//! a secret has no `Display`, and its `Debug` is `***`.

mod authorities;
mod azure;
mod bucket;
mod cause;
mod clients;
mod endpoint;
mod environment;
mod error;
mod google;
mod local;
mod local_store;
mod local_upload;
mod location;
mod one_by_one;
mod options;
mod parts;
mod patience;
mod requests;
mod s3;
mod secret;
mod storage;
mod uploads;

pub use cause::Cause;
pub use error::{Error, Result};
pub use options::{BucketOptions, Cloud};
pub use secret::Secret;
pub use storage::Storage;
pub use uploads::UnfinishedUpload;
