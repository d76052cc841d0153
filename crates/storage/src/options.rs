// SPDX-License-Identifier: Apache-2.0

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Secret;

/// Who keeps a bucket, which decides how it is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// AWS, MinIO and every other server that speaks S3.
    #[default]
    Aws,
    /// Google Cloud Storage.
    Gcp,
    /// Azure Blob Storage; a bucket is a container there.
    Azure,
    /// Alibaba Cloud OSS, by its S3 interface.
    Ali,
    /// Tencent Cloud COS, by its S3 interface.
    Tencent,
}

/// How to reach a bucket, and as whom.
///
/// What is `None` is taken from the cloud's own environment variables, then
/// from the cloud's own defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketOptions {
    /// Who keeps the bucket. `None` leaves it to the URL's scheme, or means AWS
    /// where there is none.
    pub cloud: Option<Cloud>,
    /// `host`, `host:port`, or an http(s) URL of these. `None` means the cloud's own.
    pub endpoint: Option<String>,
    /// The region to sign requests for; S3 servers other than AWS take any.
    pub region: Option<String>,
    /// The access key id (Azure: the account), given together with the secret key or not at all.
    pub access_key: Option<Secret>,
    /// The secret key (Azure: the account's key, or a SAS token) that belongs to the access key.
    pub secret_key: Option<Secret>,
    /// Whether an endpoint without a scheme is https. A scheme in the endpoint counts
    /// more, and a cloud's own host is always https.
    pub use_ssl: Option<bool>,
    /// Whether the machine's own role is asked for credentials, and keys are ignored.
    pub use_iam: bool,
    /// Whether the bucket's name stands in front of the host name instead of in
    /// the path. `None` leaves it to the cloud's way.
    pub virtual_hosted: Option<bool>,
    /// A PEM file of authorities whose certificates are believed besides those that
    /// the system knows.
    pub ca_file: Option<PathBuf>,
}

impl BucketOptions {
    /// Returns who keeps the bucket.
    pub(crate) fn cloud_or_aws(&self) -> Cloud {
        self.cloud.unwrap_or_default()
    }

    pub(crate) fn given_access_key(&self) -> Option<&str> {
        self.access_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty())
    }

    pub(crate) fn given_secret_key(&self) -> Option<&Secret> {
        self.secret_key.as_ref().filter(|key| !key.expose().is_empty())
    }

    pub(crate) fn has_keys(&self) -> bool {
        self.given_access_key().is_some() || self.given_secret_key().is_some()
    }
}

impl Cloud {
    /// The clouds, by the name that `migration.yaml` gives them.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Aws, "aws"),
        (Self::Gcp, "gcp"),
        (Self::Azure, "azure"),
        (Self::Ali, "ali"),
        (Self::Tencent, "tc"),
    ];

    /// Returns whose bucket a URL names by its scheme; none for a path, for
    /// `file://` and for any other scheme.
    ///
    /// ```
    /// use m2m_storage::Cloud;
    ///
    /// assert_eq!(Cloud::of_url("s3://bucket/dump"), Some(Cloud::Aws));
    /// assert_eq!(Cloud::of_url("abfss://box@account.dfs.core.windows.net"), Some(Cloud::Azure));
    /// assert_eq!(Cloud::of_url("/data/dump"), None);
    /// ```
    pub fn of_url(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once("://")?;
        Some(match scheme.to_ascii_lowercase().as_str() {
            "s3" => Self::Aws,
            "gs" => Self::Gcp,
            "az" | "abfs" | "abfss" => Self::Azure,
            "oss" => Self::Ali,
            "cos" => Self::Tencent,
            _ => return None,
        })
    }

    /// Returns the scheme of this cloud's URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Aws => "s3",
            Self::Gcp => "gs",
            Self::Azure => "az",
            Self::Ali => "oss",
            Self::Tencent => "cos",
        }
    }

    /// Returns how messages say where credentials are looked for.
    pub(crate) fn ways_to_give_keys(self) -> &'static str {
        match self {
            Self::Aws => {
                "give an access key and a secret key, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            Self::Gcp => {
                "give an HMAC key and its secret, or set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account"
            }
            Self::Azure => {
                "give the account and its key, or set AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN"
            }
            Self::Ali => {
                "give an access key and a secret key, or set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET"
            }
            Self::Tencent => {
                "give an access key and a secret key, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
            }
        }
    }

    /// Returns the pattern of this cloud's environment variables.
    pub(crate) fn variables(self) -> &'static str {
        match self {
            Self::Aws => "AWS_*",
            Self::Gcp => "GOOGLE_*",
            Self::Azure => "AZURE_*",
            Self::Ali => "ALIBABA_CLOUD_* and OSS_*",
            Self::Tencent => "TENCENTCLOUD_* and COS_*",
        }
    }

    /// Returns what the cloud's store is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Aws => "S3",
            Self::Gcp => "Google Cloud Storage",
            Self::Azure => "Azure Blob Storage",
            Self::Ali => "Alibaba Cloud OSS",
            Self::Tencent => "Tencent Cloud COS",
        }
    }
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(cloud, _)| cloud == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for Cloud {
    type Err = String;

    /// Reads the name of a cloud or one of its obvious aliases, whatever their case.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "aws" | "s3" | "minio" => Self::Aws,
            "gcp" | "gcs" | "google" => Self::Gcp,
            "azure" | "az" => Self::Azure,
            "ali" | "aliyun" | "alibaba" | "oss" => Self::Ali,
            "tc" | "tencent" | "cos" => Self::Tencent,
            _ => return Err("expected `aws`, `gcp`, `azure`, `ali` or `tc`".into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_is_read_by_the_name_it_is_shown_with() {
        for (cloud, name) in Cloud::ALL {
            assert_eq!(name.parse(), Ok(cloud));
            assert_eq!(cloud.to_string(), name);
        }
        assert_eq!("MinIO".parse(), Ok(Cloud::Aws));
        for (cloud, _) in Cloud::ALL {
            assert_eq!(Cloud::of_url(&format!("{}://b/p", cloud.scheme().to_uppercase())), Some(cloud));
        }
        for text in ["file:///data", "https://host/b", "s3", "/s3:/b", ""] {
            assert_eq!(Cloud::of_url(text), None, "{text}");
        }
        assert!("ibm".parse::<Cloud>().unwrap_err().contains("`gcp`"));
    }
}
