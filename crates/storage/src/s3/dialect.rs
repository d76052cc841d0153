// SPDX-License-Identifier: Apache-2.0

use object_store::aws::AmazonS3ConfigKey as Key;
use url::Url;

use crate::Result;
use crate::endpoint;
use crate::environment::Environment;
use crate::options::Cloud;

/// The names of a key, of its secret, and of the token that goes with them.
type KeyNames = (&'static str, &'static str, &'static [&'static str]);

/// In what the clouds that speak S3 differ.
pub(crate) struct Dialect {
    cloud: Cloud,
    /// Environment variables, the first that is set counts.
    pub(crate) keys: &'static [KeyNames],
    pub(crate) endpoint: &'static [&'static str],
    pub(crate) region_names: &'static [&'static str],
    default_region: Option<&'static str>,
    /// Whether the bucket must stand in the host name.
    pub(crate) is_hosted: bool,
}

const AWS: Dialect = Dialect {
    cloud: Cloud::Aws,
    keys: &[("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", &["AWS_SESSION_TOKEN", "AWS_TOKEN"])],
    endpoint: &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"],
    region_names: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    default_region: Some("us-east-1"),
    is_hosted: false,
};

const ALI: Dialect = Dialect {
    cloud: Cloud::Ali,
    keys: &[
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", &["ALIBABA_CLOUD_SECURITY_TOKEN"]),
        ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", &["OSS_SESSION_TOKEN"]),
    ],
    endpoint: &["OSS_ENDPOINT"],
    region_names: &["ALIBABA_CLOUD_REGION_ID", "OSS_REGION"],
    default_region: None,
    is_hosted: true,
};

const TENCENT: Dialect = Dialect {
    cloud: Cloud::Tencent,
    keys: &[
        ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", &["TENCENTCLOUD_SESSION_TOKEN"]),
        ("COS_SECRETID", "COS_SECRETKEY", &["COS_TOKEN"]),
    ],
    endpoint: &["COS_ENDPOINT"],
    region_names: &["TENCENTCLOUD_REGION", "COS_REGION"],
    default_region: None,
    is_hosted: true,
};

const GOOGLE: Dialect = Dialect {
    cloud: Cloud::Gcp,
    keys: &[],
    endpoint: &[],
    region_names: &[],
    default_region: Some("auto"),
    is_hosted: false,
};

/// What requests to a server outside of its cloud are signed for.
const ANY_REGION: &str = "us-east-1";

impl Dialect {
    pub(crate) fn of(cloud: Cloud) -> Self {
        match cloud {
            Cloud::Ali => ALI,
            Cloud::Tencent => TENCENT,
            Cloud::Gcp => GOOGLE,
            Cloud::Aws | Cloud::Azure => AWS,
        }
    }

    /// Returns the region of the options, of the environment, of the endpoint's
    /// name, or the cloud's default.
    pub(crate) fn region(
        &self,
        given: Option<&str>,
        endpoint: Option<&Url>,
        environment: &Environment,
    ) -> Option<String> {
        let given = given.map(str::trim).filter(|region| !region.is_empty());
        let named = given.or_else(|| environment.first(self.region_names));
        let region = match (named, endpoint) {
            (Some(region), _) => region,
            (None, Some(endpoint)) => {
                region_of_host(self.cloud, endpoint).or(self.default_region).unwrap_or(ANY_REGION)
            }
            (None, None) => self.default_region?,
        };
        // Alibaba's consoles show regions with and without the name of the service.
        let bare =
            if self.cloud == Cloud::Ali { region.strip_prefix("oss-").unwrap_or(region) } else { region };
        Some(bare.to_owned())
    }

    /// Returns the cloud's endpoint of a region, which is https whatever is said of
    /// endpoints that are given; none when the client knows it.
    pub(crate) fn own_endpoint(&self, region: &str) -> Result<Option<Url>> {
        let host = match self.cloud {
            Cloud::Ali => format!("https://oss-{region}.aliyuncs.com"),
            Cloud::Tencent => format!("https://cos.{region}.myqcloud.com"),
            Cloud::Gcp => "https://storage.googleapis.com".to_owned(),
            Cloud::Aws if region.starts_with("cn-") => format!("https://s3.{region}.amazonaws.com.cn"),
            Cloud::Aws | Cloud::Azure => return Ok(None),
        };
        endpoint::parse(&host, self.cloud, None).map(Some)
    }

    /// Returns the variables that the client understands and nobody else here reads.
    pub(crate) fn others(&self, environment: &Environment) -> Vec<(Key, String)> {
        if self.cloud != Cloud::Aws {
            return Vec::new();
        }
        let mut others = environment.keys("AWS_");
        others.retain(|(key, _)| {
            !matches!(
                key,
                Key::AccessKeyId
                    | Key::SecretAccessKey
                    | Key::Token
                    | Key::Region
                    | Key::DefaultRegion
                    | Key::Endpoint
                    | Key::S3Endpoint
                    | Key::Bucket
                    | Key::VirtualHostedStyleRequest
            )
        });
        others
    }
}

/// Returns whether a variable says where credentials are handed out.
pub(crate) fn hands_out_credentials(key: Key) -> bool {
    matches!(
        key,
        Key::WebIdentityTokenFile
            | Key::ContainerCredentialsRelativeUri
            | Key::ContainerCredentialsFullUri
            | Key::MetadataEndpoint
    )
}

/// Returns whether a variable is about who asks, and not about what is asked for.
pub(crate) fn is_credential(key: Key) -> bool {
    hands_out_credentials(key)
        || matches!(
            key,
            Key::SkipSignature
                | Key::ContainerAuthorizationTokenFile
                | Key::RoleArn
                | Key::RoleSessionName
                | Key::StsEndpoint
                | Key::ImdsV1Fallback
        )
}

/// Returns the region that stands in a cloud's host name.
fn region_of_host(cloud: Cloud, endpoint: &Url) -> Option<&str> {
    let host = endpoint.host_str()?;
    let behind = |label| host.split('.').skip_while(|&found| found != label).nth(1);
    let is_region = |label: &&str| label.contains('-') && !label.contains("accelerate");
    if endpoint::owner(endpoint) != Some(cloud) {
        return None;
    }
    match cloud {
        Cloud::Aws => behind("s3").filter(is_region),
        Cloud::Ali => {
            let label = host.split('.').find(|label| label.starts_with("oss-"))?;
            Some(label.trim_start_matches("oss-").trim_end_matches("-internal")).filter(is_region)
        }
        Cloud::Tencent => behind("cos").filter(is_region),
        Cloud::Gcp | Cloud::Azure => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_stands_in_the_host_names_of_clouds() {
        for (cloud, host, region) in [
            (Cloud::Ali, "oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
            (Cloud::Ali, "s3.oss-cn-hangzhou-internal.aliyuncs.com", "cn-hangzhou"),
            (Cloud::Ali, "oss-accelerate.aliyuncs.com", ANY_REGION),
            (Cloud::Tencent, "cos.ap-guangzhou.myqcloud.com", "ap-guangzhou"),
            (Cloud::Tencent, "bucket-1250000000.cos.ap-guangzhou.myqcloud.com", "ap-guangzhou"),
            (Cloud::Aws, "s3.eu-west-1.amazonaws.com", "eu-west-1"),
            (Cloud::Aws, "s3.amazonaws.com", "us-east-1"),
            (Cloud::Aws, "oss-cn-hangzhou.aliyuncs.com", "us-east-1"),
        ] {
            let url = Url::parse(&format!("https://{host}")).unwrap();
            let found = Dialect::of(cloud).region(None, Some(&url), &Environment::default());
            assert_eq!(found.as_deref(), Some(region), "{host}");
        }
    }
}
