// SPDX-License-Identifier: Apache-2.0

use std::borrow::Cow;
use std::path::PathBuf;

use url::Url;

use crate::options::{BucketOptions, Cloud};
use crate::{Error, Result};

const EXPECTED: &str = "expected a path, `file:///folder`, or a bucket and a prefix behind `s3://`, `gs://`, `az://`, `oss://` or `cos://`";

/// What a user's text names.
pub(crate) enum Location<'a> {
    Folder(PathBuf),
    Bucket { name: &'a str, prefix: &'a str, options: Cow<'a, BucketOptions> },
}

impl<'a> Location<'a> {
    /// Reads a URL or a path; the URL's scheme says whose bucket it is.
    pub(crate) fn parse(text: &'a str, options: &'a BucketOptions) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        let scheme = scheme.to_ascii_lowercase();
        if scheme == "file" {
            return folder_of_url(text).map(Self::Folder);
        }
        let cloud = Cloud::of_url(text).ok_or_else(|| invalid(text, EXPECTED))?;
        let mut options = with_cloud(text, cloud, options)?;
        if rest.contains('?') {
            // What somebody copies with its query is a URL that was signed for once.
            let reason = "nothing may follow a `?`: give keys and tokens on their own, as the access and the secret key";
            return Err(invalid(text, reason));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let name = match bucket.split_once('@') {
            Some((container, host)) if scheme.starts_with("abfs") => {
                if container.contains(':') {
                    return Err(invalid(
                        text,
                        "a key does not belong into the location: give it as the secret key",
                    ));
                }
                let account = host.split('.').next().unwrap_or_default();
                name_account(text, options.to_mut(), account, host)?;
                container
            }
            _ => bucket,
        };
        Ok(Self::Bucket { name, prefix, options })
    }
}

/// Returns the options for the cloud of a URL.
///
/// Both may say which it is, and then the same; but `s3://` is said of every cloud
/// whose buckets can be spoken to in S3.
fn with_cloud<'a>(text: &str, cloud: Cloud, options: &'a BucketOptions) -> Result<Cow<'a, BucketOptions>> {
    match (cloud, options.cloud) {
        (cloud, None) => Ok(Cow::Owned(BucketOptions { cloud: Some(cloud), ..options.clone() })),
        (of_url, Some(of_options)) if of_url == of_options => Ok(Cow::Borrowed(options)),
        (Cloud::Aws, Some(Cloud::Gcp | Cloud::Ali | Cloud::Tencent)) => Ok(Cow::Borrowed(options)),
        (_, Some(other)) => {
            let scheme = other.scheme();
            Err(invalid(text, &format!("the cloud is said to be `{other}`, whose buckets are `{scheme}://`")))
        }
    }
}

/// Takes the account from `container@account.dfs.core.windows.net`.
fn name_account(text: &str, options: &mut BucketOptions, account: &str, host: &str) -> Result<()> {
    if options.given_access_key().is_some_and(|given| given != account) {
        return Err(invalid(text, "this is another account than that of the access key"));
    }
    options.access_key = Some(account.into());
    if crate::endpoint::given(options).is_none() {
        options.endpoint = Some(format!("https://{host}"));
    }
    Ok(())
}

fn folder_of_url(url: &str) -> Result<PathBuf> {
    let parsed = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
    parsed.ok_or_else(|| invalid(url, "expected `file:///` and an absolute folder"))
}

fn invalid(text: &str, reason: &str) -> Error {
    // Whoever writes credentials into a location must not find them in a log.
    let location = match text.split_once("://") {
        Some((scheme, rest)) => {
            let rest = rest.split('?').next().unwrap_or_default();
            // Azure's container stands where other URLs have a user.
            let container =
                scheme.to_ascii_lowercase().starts_with("abfs").then(|| rest.split([':', '@']).next());
            let shown = match (rest.rsplit_once('@'), container.flatten()) {
                (Some((_, host)), Some(container)) => format!("{container}@{host}"),
                (Some((_, host)), None) => host.to_owned(),
                (None, _) => rest.to_owned(),
            };
            format!("{scheme}://{shown}")
        }
        None => text.to_owned(),
    };
    Error::InvalidLocation { location, reason: reason.to_owned() }
}
