// SPDX-License-Identifier: Apache-2.0

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;

use crate::bucket::Bucket;
use crate::environment::Environment;
use crate::one_by_one::OneByOne;
use crate::options::{BucketOptions, Cloud};
use crate::patience::Patience;
use crate::s3::S3;
use crate::{Cause, Error, Result, azure, google};

/// What speaks to one bucket.
pub(crate) struct Clients {
    /// For rows: patient.
    pub(crate) data: Arc<dyn ObjectStore>,
    /// As patient, for parts in any order.
    pub(crate) parts: Arc<dyn MultipartStore>,
    /// For checks and small files: soon at its end.
    pub(crate) control: Arc<dyn ObjectStore>,
    /// As impatient, to list a few keys only.
    pub(crate) pages: Arc<dyn PaginatedListStore>,
    pub(crate) bucket: Bucket,
    /// How the clients were made, when the bucket is spoken to in S3.
    pub(crate) s3: Option<S3>,
}

impl Clients {
    /// Makes the clients of a bucket, in the way of its cloud.
    pub(crate) fn new(bucket: &str, options: &BucketOptions, environment: &Environment) -> Result<Self> {
        check_name(options.cloud_or_aws(), bucket)?;
        match options.cloud_or_aws() {
            Cloud::Azure => {
                let settings = azure::Settings::new(bucket, options, environment)?;
                Self::build(settings.target(), |patience| settings.builder(patience).build())
            }
            // Google's key pairs are for its S3 interface.
            Cloud::Gcp if options.use_iam || !options.has_keys() => {
                let settings = google::Settings::new(bucket, options, environment)?;
                Self::build(settings.target(), |patience| settings.builder(patience).build())
            }
            Cloud::Aws | Cloud::Ali | Cloud::Tencent | Cloud::Gcp => {
                let s3 = S3::new(bucket, options, environment)?;
                let target = s3.target();
                if !s3.may_sign() {
                    return Err(target.no_credentials(None));
                }
                Self::s3(s3, target)
            }
        }
    }

    /// Makes the clients whose keys begin with a `/`.
    pub(crate) fn with_leading_slash(s3: &S3) -> Result<Self> {
        let s3 = s3.with_leading_slash();
        let target = Bucket { has_leading_slash: true, ..s3.target() };
        Self::s3(s3, target)
    }

    fn s3(s3: S3, bucket: Bucket) -> Result<Self> {
        let build = |patience| s3.builder(patience).build();
        let clients = if bucket.cloud == Cloud::Gcp {
            Self::build(bucket, |patience| Ok(OneByOne::new(build(patience)?, s3.http(patience)?, patience)))?
        } else {
            Self::build(bucket, build)?
        };
        Ok(Self { s3: Some(s3), ..clients })
    }

    fn build<S: ObjectStore + PaginatedListStore + MultipartStore>(
        bucket: Bucket,
        build: impl Fn(Patience) -> object_store::Result<S>,
    ) -> Result<Self> {
        let build = |patience| build(patience).map(Arc::new).map_err(|e| invalid(&bucket, e));
        let (data, control) = (build(Patience::Data)?, build(Patience::Control)?);
        Ok(Self {
            data: Arc::clone(&data) as _,
            parts: data,
            control: Arc::clone(&control) as _,
            pages: control,
            bucket,
            s3: None,
        })
    }
}

fn invalid(bucket: &Bucket, source: object_store::Error) -> Error {
    Error::InvalidSettings { cloud: bucket.cloud, bucket: bucket.name.clone(), source: Cause::from(source) }
}

fn check_name(cloud: Cloud, bucket: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !bucket.is_empty() && bucket.len() <= 255 && bucket.chars().all(legal) {
        return Ok(());
    }
    Err(Error::InvalidLocation {
        // Whoever writes credentials into a location must not find them in a log.
        location: format!(
            "{}://{}",
            cloud.scheme(),
            bucket.rsplit_once('@').map_or(bucket, |(_, host)| host)
        ),
        reason: "a bucket's name is made of letters, digits, `.`, `-` and `_`".to_owned(),
    })
}
