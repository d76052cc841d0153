// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::clients::Clients;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn options(endpoint: &str) -> BucketOptions {
    BucketOptions {
        endpoint: Some(endpoint.to_owned()),
        access_key: Some("key".into()),
        secret_key: Some(Secret::from("swordfish")),
        ..BucketOptions::default()
    }
}

fn nobody() -> Environment {
    Environment::default()
}

fn s3(options: &BucketOptions, environment: &Environment) -> S3 {
    S3::new("b", options, environment).unwrap()
}

fn of(cloud: Cloud, endpoint: Option<&str>, region: Option<&str>) -> BucketOptions {
    BucketOptions {
        cloud: Some(cloud),
        endpoint: endpoint.map(str::to_owned),
        region: region.map(str::to_owned),
        ..options("")
    }
}

fn root(options: &BucketOptions) -> String {
    s3(options, &nobody()).root().unwrap()
}

#[test]
fn bucket_stands_in_the_path_unless_virtual_hosting_is_asked_for() {
    let plain = options("host:9000");
    assert_eq!(root(&plain), "http://host:9000");
    let hosted = BucketOptions { virtual_hosted: Some(true), ..plain };
    assert_eq!(root(&hosted), "http://b.host:9000");
    let already = BucketOptions { endpoint: Some("http://b.host:9000".into()), ..hosted };
    assert_eq!(root(&already), "http://b.host:9000");
}

#[test]
fn clouds_that_want_it_get_the_bucket_in_front_of_their_own_host() {
    for (cloud, region, expected) in [
        (Cloud::Ali, "cn-hangzhou", "https://b.oss-cn-hangzhou.aliyuncs.com"),
        (Cloud::Ali, "oss-cn-hangzhou", "https://b.oss-cn-hangzhou.aliyuncs.com"),
        (Cloud::Tencent, "ap-guangzhou", "https://b.cos.ap-guangzhou.myqcloud.com"),
        (Cloud::Gcp, "", "https://storage.googleapis.com"),
    ] {
        assert_eq!(root(&of(cloud, None, Some(region))), expected);
    }
    let internal = of(Cloud::Ali, Some("oss-cn-beijing-internal.aliyuncs.com"), None);
    assert_eq!(root(&internal), "https://b.oss-cn-beijing-internal.aliyuncs.com");
    assert_eq!(s3(&internal, &nobody()).region, "cn-beijing");
    let in_path = BucketOptions { virtual_hosted: Some(false), ..internal };
    assert_eq!(root(&in_path), "https://oss-cn-beijing-internal.aliyuncs.com");
    assert_eq!(root(&of(Cloud::Tencent, Some("127.0.0.1:9000"), None)), "http://127.0.0.1:9000");
    assert_eq!(s3(&of(Cloud::Gcp, None, None), &nobody()).region, "auto");
}

#[test]
fn cloud_without_region_and_endpoint_says_what_to_set() {
    let error = S3::new("b", &of(Cloud::Ali, None, None), &nobody()).err().unwrap();
    assert_eq!(
        error.to_string(),
        "no region for bucket `b` of Alibaba Cloud OSS: give the region or the endpoint, or set ALIBABA_CLOUD_REGION_ID"
    );
}

#[test]
fn leading_slash_follows_the_bucket_in_every_style() {
    let slashed = |options: &BucketOptions| s3(options, &nobody()).with_leading_slash().root().unwrap();
    let plain = options("host:9000");
    assert_eq!(slashed(&plain), "http://host:9000/b/");
    assert_eq!(slashed(&BucketOptions { virtual_hosted: Some(true), ..plain }), "http://b.host:9000/");
    let amazon = BucketOptions { endpoint: None, region: Some("eu-west-1".into()), ..options("") };
    assert_eq!(slashed(&amazon), "https://s3.eu-west-1.amazonaws.com/b/");
}

#[test]
fn role_of_the_machine_counts_instead_of_all_keys() {
    let environment = environment(&[
        ("AWS_ACCESS_KEY_ID", "env-key"),
        ("AWS_SECRET_ACCESS_KEY", "env-secret"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/role"),
    ]);
    let role = BucketOptions { use_iam: true, ..options("host:9000") };
    let settings = s3(&role, &environment);
    assert!(settings.credential.is_none());
    assert!(settings.may_sign());
    assert_eq!(settings.others.len(), 1);
    for (cloud, title, variable) in [
        (Cloud::Ali, "Alibaba Cloud OSS", "ALIBABA_CLOUD_ACCESS_KEY_ID"),
        (Cloud::Tencent, "Tencent Cloud COS", "TENCENTCLOUD_SECRET_ID"),
    ] {
        let role = BucketOptions { cloud: Some(cloud), region: Some("r".into()), ..role.clone() };
        let error = S3::new("b", &role, &nobody()).err().unwrap().to_string();
        assert!(
            error.contains(title) && error.contains("switch IAM off") && error.contains(variable),
            "{error}"
        );
    }
}

#[test]
fn each_cloud_has_its_own_variables() {
    let environment = environment(&[
        ("AWS_ACCESS_KEY_ID", "aws"),
        ("AWS_SECRET_ACCESS_KEY", "aws"),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ali"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ali"),
        ("OSS_ACCESS_KEY_ID", "oss"),
        ("OSS_ENDPOINT", "oss-cn-hangzhou.aliyuncs.com"),
        ("COS_SECRETID", "cos"),
        ("COS_SECRETKEY", "cos"),
        ("TENCENTCLOUD_REGION", "ap-guangzhou"),
    ]);
    let key = |cloud| {
        let options = BucketOptions { cloud: Some(cloud), ..BucketOptions::default() };
        s3(&options, &environment).credential.unwrap().access
    };
    assert_eq!(
        [key(Cloud::Aws), key(Cloud::Ali), key(Cloud::Tencent)],
        ["aws", "ali", "cos"].map(Secret::from)
    );
}

#[test]
fn environment_fills_what_the_options_leave_out() {
    let environment = environment(&[
        ("AWS_ACCESS_KEY_ID", "env-key"),
        ("AWS_SECRET_ACCESS_KEY", "env-secret"),
        ("AWS_SESSION_TOKEN", "env-token"),
        ("AWS_DEFAULT_REGION", "default"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://general:1"),
        ("AWS_ENDPOINT_URL_S3", "http://specific:2"),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
        ("AWS_BUCKET", "another"),
        ("PATH", "/bin"),
    ]);
    let settings = S3::new("b", &BucketOptions::default(), &environment).unwrap();
    let credential = settings.credential.as_ref().unwrap();
    assert_eq!(credential.access.expose(), "env-key");
    assert_eq!(credential.secret.expose(), "env-secret");
    assert_eq!(credential.token.as_ref().map(Secret::expose), Some("env-token"));
    assert_eq!(settings.region, "eu-west-1");
    assert_eq!(settings.endpoint_text(), "http://specific:2");
    assert!(settings.virtual_hosted);
    assert_eq!(settings.others, []);
}

#[test]
fn options_win_over_the_environment_as_a_whole() {
    let environment = environment(&[
        ("AWS_ACCESS_KEY_ID", "env-key"),
        ("AWS_SECRET_ACCESS_KEY", "env-secret"),
        ("AWS_SESSION_TOKEN", "env-token"),
        ("AWS_ENDPOINT_URL_S3", "http://specific:2"),
        ("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"),
    ]);
    let settings = S3::new("b", &options("host:9000"), &environment).unwrap();
    let credential = settings.credential.as_ref().unwrap();
    assert_eq!(credential.access.expose(), "key");
    assert_eq!(credential.token, None);
    assert_eq!(settings.endpoint_text(), "http://host:9000");
    assert!(!settings.virtual_hosted);
}

#[test]
fn keys_that_are_given_leave_no_room_for_other_credentials() {
    let environment = environment(&[
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "role"),
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/token"),
        ("AWS_SERVER_SIDE_ENCRYPTION", "AES256"),
        ("AWS_UNSIGNED_PAYLOAD", "true"),
    ]);
    let left = |options| {
        let others = s3(&options, &environment).others;
        others.into_iter().map(|(key, _)| key.as_ref().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(left(options("host:9000")), ["aws_server_side_encryption", "aws_unsigned_payload"]);
    let role = left(BucketOptions { use_iam: true, ..options("host:9000") });
    assert!(role.len() == 7 && !role.iter().any(|key| key == "aws_skip_signature"), "{role:?}");
    assert_eq!(left(BucketOptions::default()).len(), 8);
}

#[test]
fn own_endpoints_are_https_whatever_is_said_of_others() {
    for (cloud, region) in [
        (Cloud::Ali, "cn-hangzhou"),
        (Cloud::Tencent, "ap-guangzhou"),
        (Cloud::Gcp, "auto"),
        (Cloud::Aws, "cn-north-1"),
        (Cloud::Aws, "eu-west-1"),
    ] {
        let options = BucketOptions { use_ssl: Some(false), ..of(cloud, None, Some(region)) };
        let settings = s3(&options, &nobody());
        assert!(settings.endpoint_text().starts_with("https://"), "{}", settings.endpoint_text());
    }
}

#[test]
fn half_a_key_pair_is_an_error_even_when_the_environment_has_the_rest() {
    let environment = environment(&[("AWS_SECRET_ACCESS_KEY", "env-secret"), ("AWS_ACCESS_KEY_ID", "k")]);
    let half = BucketOptions { secret_key: None, ..options("host") };
    let error = S3::new("b", &half, &environment).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the access key for bucket `b` was given without the secret key: give both, or neither to use the AWS_* environment variables"
    );
}

#[test]
fn missing_credentials_are_an_error_except_on_aws() {
    let keyless = BucketOptions { endpoint: Some("host:9000".to_owned()), ..BucketOptions::default() };
    let error = Clients::new("b", &keyless, &nobody()).err().unwrap();
    assert!(error.to_string().starts_with("no credentials for bucket `b` at `http://host:9000`"), "{error}");
    assert!(Clients::new("b", &BucketOptions::default(), &nobody()).is_ok());
    let public = environment(&[("AWS_SKIP_SIGNATURE", "true")]);
    assert!(Clients::new("b", &keyless, &public).is_ok());
}

#[test]
fn environment_value_that_does_not_parse_is_an_error() {
    let environment = environment(&[("AWS_TIMEOUT", "soon")]);
    let error = Clients::new("b", &options("host"), &environment).err().unwrap();
    assert!(matches!(error, Error::InvalidSettings { .. }), "{error}");
}

#[test]
fn impossible_bucket_name_is_rejected() {
    for bucket in ["", "a b", "a/b", "bücket", "user:pass@b"] {
        let error = Clients::new(bucket, &options("host"), &nobody()).err().unwrap();
        assert!(matches!(error, Error::InvalidLocation { .. }), "{bucket}: {error}");
    }
}

#[test]
fn no_secret_is_printed_by_options_settings_or_clients() {
    let environment = environment(&[("AWS_SECRET_ACCESS_KEY", "sesame"), ("AWS_SESSION_TOKEN", "sesame")]);
    let printed = format!("{environment:?}");
    assert!(!printed.contains("sesame"), "{printed}");
    let printed = format!("{:?}", options("host"));
    assert!(printed.contains("access_key: Some(***), secret_key: Some(***)"), "{printed}");
    let clients = Clients::new("b", &options("host"), &nobody()).unwrap();
    let printed = format!("{:?} {:?}", clients.data, clients.bucket);
    assert!(!printed.contains("swordfish"), "{printed}");
}
