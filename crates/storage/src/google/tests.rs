// SPDX-License-Identifier: Apache-2.0

use super::*;

fn settings(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Settings {
    let options = BucketOptions {
        cloud: Some(Cloud::Gcp),
        endpoint: endpoint.map(str::to_owned),
        ..BucketOptions::default()
    };
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::new("b", &options, &Environment::new(variables)).unwrap()
}

#[test]
fn emulator_is_asked_without_credentials() {
    for emulator in [
        settings(Some("127.0.0.1:4443"), &[]),
        settings(None, &[("STORAGE_EMULATOR_HOST", "127.0.0.1:4443")]),
        settings(None, &[("GOOGLE_BASE_URL", "http://127.0.0.1:4443/")]),
    ] {
        assert_eq!(emulator.endpoint.as_deref(), Some("http://127.0.0.1:4443"));
        assert!(emulator.is_anonymous && emulator.target().has_credentials);
        assert!(emulator.builder(Patience::Control).build().is_ok());
    }
}

#[test]
fn token_is_not_shown_to_a_stranger() {
    let file = [("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")];
    for endpoint in ["http://127.0.0.1:4443", "https://storage.example.org", "fake-gcs:4443"] {
        let stranger = settings(Some(endpoint), &file);
        assert!(stranger.is_anonymous && stranger.others.is_empty(), "{endpoint}");
    }
    // Who asks for a role says that the server may see its token, but not by http.
    for (endpoint, is_anonymous) in [("https://storage.example.org", false), ("http://127.0.0.1:4443", true)]
    {
        let role = BucketOptions {
            cloud: Some(Cloud::Gcp),
            endpoint: Some(endpoint.to_owned()),
            use_iam: true,
            ..BucketOptions::default()
        };
        let settings = Settings::new("b", &role, &Environment::default()).unwrap();
        assert_eq!(settings.is_anonymous, is_anonymous, "{endpoint}");
    }
    let plain = BucketOptions {
        cloud: Some(Cloud::Gcp),
        endpoint: Some("http://storage.googleapis.com".to_owned()),
        ..BucketOptions::default()
    };
    assert!(Settings::new("b", &plain, &Environment::default()).is_err());
}

#[test]
fn google_itself_is_asked_with_credentials() {
    let own = settings(None, &[]);
    assert_eq!(own.target().endpoint, OWN_ENDPOINT);
    assert!(!own.is_anonymous && !own.target().has_credentials);
    let options = BucketOptions {
        cloud: Some(Cloud::Gcp),
        endpoint: Some("storage.googleapis.com".to_owned()),
        use_ssl: Some(false),
        ..BucketOptions::default()
    };
    let given = Settings::new("b", &options, &Environment::default()).unwrap();
    assert_eq!((given.endpoint.as_deref(), given.is_anonymous), (Some(OWN_ENDPOINT), false));
    let with_file = settings(None, &[("GOOGLE_APPLICATION_CREDENTIALS", "/key.json")]);
    assert!(with_file.target().has_credentials);
    assert!(settings(None, &[("GOOGLE_SKIP_SIGNATURE", "true")]).is_anonymous);
}
