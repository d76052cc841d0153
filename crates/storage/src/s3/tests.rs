// SPDX-License-Identifier: Apache-2.0

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn options(endpoint: &str) -> BucketOptions {
    BucketOptions {
        endpoint: Some(endpoint.to_owned()),
        access_key: Some("key".to_owned()),
        secret_key: Some(Secret::from("swordfish")),
        ..BucketOptions::default()
    }
}

fn endpoint(text: &str, use_ssl: Option<bool>) -> String {
    parse_endpoint(text, use_ssl).unwrap().to_string()
}

#[test]
fn endpoint_without_scheme_is_http_unless_ssl_is_asked_for() {
    assert_eq!(endpoint("127.0.0.1:9000", None), "http://127.0.0.1:9000/");
    assert_eq!(endpoint("localhost", Some(false)), "http://localhost/");
    assert_eq!(endpoint(" host:443 ", Some(true)), "https://host/");
    assert_eq!(endpoint("[::1]:9000", None), "http://[::1]:9000/");
}

#[test]
fn scheme_in_the_endpoint_counts_more_than_use_ssl() {
    assert_eq!(endpoint("https://host:9000", Some(false)), "https://host:9000/");
    assert_eq!(endpoint("http://host:9000/", Some(true)), "http://host:9000/");
}

#[test]
fn impossible_endpoint_is_rejected() {
    for text in
        ["", "http://", "ftp://host", "host:99999", "host:port", "host/bucket", "http://host/?x=1", "a b"]
    {
        let error = parse_endpoint(text, None).unwrap_err();
        assert!(matches!(error, Error::InvalidEndpoint { .. }), "{text}: {error}");
    }
}

#[test]
fn password_in_the_endpoint_is_rejected_and_not_repeated() {
    let error = parse_endpoint("http://user:swordfish@host:9000", None).unwrap_err();
    assert!(!error.to_string().contains("swordfish"), "{error}");
    assert!(!format!("{error:?}").contains("swordfish"));
}

#[test]
fn bucket_stands_in_the_path_unless_virtual_hosting_is_asked_for() {
    let plain = Settings::new("b", &options("host:9000"), Environment::default()).unwrap();
    let url = plain.endpoint.clone().unwrap();
    assert_eq!(plain.addressed(&url, "b"), "http://host:9000");
    let hosted = Settings { virtual_hosted: true, ..plain };
    assert_eq!(hosted.addressed(&url, "b"), "http://b.host:9000");
    let already = Url::parse("http://b.host:9000").unwrap();
    assert_eq!(hosted.addressed(&already, "b"), "http://b.host:9000");
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
    let settings = Settings::new("b", &BucketOptions::default(), environment).unwrap();
    let credential = settings.credential.as_ref().unwrap();
    assert_eq!(credential.key_id, "env-key");
    assert_eq!(credential.secret_key, "env-secret");
    assert_eq!(credential.token.as_deref(), Some("env-token"));
    assert_eq!(settings.region, "eu-west-1");
    assert_eq!(settings.endpoint_name(), "http://specific:2");
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
    let settings = Settings::new("b", &options("host:9000"), environment).unwrap();
    let credential = settings.credential.as_ref().unwrap();
    assert_eq!(credential.key_id, "key");
    assert_eq!(credential.token, None);
    assert_eq!(settings.endpoint_name(), "http://host:9000");
    assert!(!settings.virtual_hosted);
}

#[test]
fn half_a_key_pair_is_an_error_even_when_the_environment_has_the_rest() {
    let environment = environment(&[("AWS_SECRET_ACCESS_KEY", "env-secret"), ("AWS_ACCESS_KEY_ID", "k")]);
    let half = BucketOptions { secret_key: None, ..options("host") };
    let error = Settings::new("b", &half, environment).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the access key for bucket `b` was given without the secret key: give both, or neither to use the AWS_* environment variables"
    );
}

#[test]
fn missing_credentials_are_an_error_except_on_aws() {
    let nobody = BucketOptions { endpoint: Some("host:9000".to_owned()), ..BucketOptions::default() };
    let error = clients("b", &nobody, Environment::default()).err().unwrap();
    assert!(error.to_string().starts_with("no credentials for bucket `b` at `http://host:9000`"), "{error}");
    assert!(clients("b", &BucketOptions::default(), Environment::default()).is_ok());
    let public = environment(&[("AWS_SKIP_SIGNATURE", "true")]);
    assert!(clients("b", &nobody, public).is_ok());
}

#[test]
fn environment_value_that_does_not_parse_is_an_error() {
    let environment = environment(&[("AWS_TIMEOUT", "soon")]);
    let error = clients("b", &options("host"), environment).err().unwrap();
    assert!(matches!(error, Error::InvalidSettings { .. }), "{error}");
}

#[test]
fn impossible_bucket_name_is_rejected() {
    for bucket in ["", "a b", "a/b", "bücket", "user:pass@b"] {
        let error = clients(bucket, &options("host"), Environment::default()).err().unwrap();
        assert!(matches!(error, Error::InvalidLocation { .. }), "{bucket}: {error}");
    }
}

#[test]
fn no_secret_is_printed_by_options_settings_or_clients() {
    let environment = environment(&[("AWS_SECRET_ACCESS_KEY", "sesame"), ("AWS_SESSION_TOKEN", "sesame")]);
    let printed = format!("{environment:?}");
    assert!(!printed.contains("sesame"), "{printed}");
    let printed = format!("{:?}", options("host"));
    assert!(printed.contains("secret_key: Some(***)"), "{printed}");
    let (data, _, bucket) = clients("b", &options("host"), Environment::default()).unwrap();
    let printed = format!("{data:?} {bucket:?}");
    assert!(!printed.contains("swordfish"), "{printed}");
}
