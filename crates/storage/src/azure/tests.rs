// SPDX-License-Identifier: Apache-2.0

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn options() -> BucketOptions {
    BucketOptions {
        cloud: Some(Cloud::Azure),
        access_key: Some("acc".into()),
        secret_key: Some(Secret::from("c3dvcmRmaXNo")),
        ..BucketOptions::default()
    }
}

fn key(settings: &Settings) -> Option<&str> {
    settings.key.as_ref().map(Secret::expose)
}

#[test]
fn access_key_is_the_account_and_secret_key_its_key() {
    let settings = Settings::new("box", &options(), &Environment::default()).unwrap();
    assert_eq!(settings.service.url, "https://acc.blob.core.windows.net");
    assert_eq!(key(&settings), Some("c3dvcmRmaXNo"));
    assert!(settings.target().has_credentials);
    assert!(settings.builder(Patience::Data).build().is_ok());
}

#[test]
fn environment_names_account_and_key() {
    let of = |variables: &[(&str, &str)]| {
        let options = BucketOptions { cloud: Some(Cloud::Azure), ..BucketOptions::default() };
        Settings::new("box", &options, &environment(variables)).unwrap()
    };
    let plain = of(&[("AZURE_STORAGE_ACCOUNT", "env"), ("AZURE_STORAGE_KEY", "a2V5")]);
    assert_eq!(plain.service.url, "https://env.blob.core.windows.net");
    assert_eq!(key(&plain), Some("a2V5"));
    let string = "DefaultEndpointsProtocol=https;AccountName=env;AccountKey=a2V5==;EndpointSuffix=core.chinacloudapi.cn";
    let string = of(&[("AZURE_STORAGE_CONNECTION_STRING", string)]);
    assert_eq!(string.service.url, "https://env.blob.core.chinacloudapi.cn");
    assert_eq!(key(&string), Some("a2V5=="));
    let sas = of(&[("AZURE_STORAGE_ACCOUNT_NAME", "env"), ("AZURE_STORAGE_SAS_TOKEN", "?sv=1&sig=x")]);
    assert!(sas.key.is_none() && sas.sas.is_some());
}

#[test]
fn token_may_stand_in_the_place_of_the_key() {
    let token = BucketOptions { secret_key: Some(Secret::from("sv=2020-08-04&sp=rl&sig=x%3D")), ..options() };
    let environment = environment(&[("AZURE_STORAGE_KEY", "a2V5")]);
    let settings = Settings::new("box", &token, &environment).unwrap();
    assert!(settings.key.is_none() && settings.sas.is_some());
}

#[test]
fn key_of_another_account_is_not_used() {
    let environment = environment(&[("AZURE_STORAGE_ACCOUNT", "env"), ("AZURE_STORAGE_KEY", "a2V5")]);
    let options = BucketOptions { secret_key: None, ..options() };
    let settings = Settings::new("box", &options, &environment).unwrap();
    assert_eq!(settings.service.account, "acc");
    assert_eq!(key(&settings), None);
}

#[test]
fn token_of_another_account_is_not_sent() {
    let options =
        BucketOptions { secret_key: None, endpoint: Some("http://lab:10000".to_owned()), ..options() };
    let string = "BlobEndpoint=https://env.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x";
    for variables in [
        [("AZURE_STORAGE_ACCOUNT", "env"), ("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=x")],
        [("AZURE_STORAGE_ACCOUNT", "env"), ("AZURE_STORAGE_CONNECTION_STRING", string)],
    ] {
        let error = Settings::new("box", &options, &environment(&variables)).err().unwrap();
        assert!(matches!(error, Error::NoCredentials { .. }), "{variables:?}: {error}");
    }
    let own = string.replace("env.blob", "acc.blob");
    let own = environment(&[("AZURE_STORAGE_CONNECTION_STRING", own.as_str())]);
    let here = BucketOptions { endpoint: None, ..options };
    assert!(Settings::new("box", &here, &own).unwrap().sas.is_some());
}

#[test]
fn token_for_one_server_is_not_sent_to_another() {
    let nobody = BucketOptions { cloud: Some(Cloud::Azure), ..BucketOptions::default() };
    let at = |endpoint: &str| BucketOptions { endpoint: Some(endpoint.to_owned()), ..nobody.clone() };
    let sas = |options: &BucketOptions, variables: &[(&str, &str)]| {
        let settings = Settings::new("box", options, &environment(variables));
        settings.is_ok_and(|settings| settings.sas.is_some())
    };
    let string = [(
        "AZURE_STORAGE_CONNECTION_STRING",
        "BlobEndpoint=https://env.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x",
    )];
    assert!(sas(&nobody, &string));
    assert!(sas(&at("https://env.dfs.core.windows.net"), &string));
    for endpoint in ["https://other.blob.core.windows.net", "http://lab:10000", "http://lab:10000/env"] {
        assert!(!sas(&at(endpoint), &string), "{endpoint}");
    }
    // A token that names nothing is for an account of Azure.
    let token = [("AZURE_STORAGE_SAS_TOKEN", "sv=1&sig=x")];
    assert!(sas(&at("https://acc.blob.core.windows.net"), &token));
    assert!(!sas(&at("127.0.0.1:10000"), &token));
    // The token of a string is not for the account of a variable.
    let two = [string[0], ("AZURE_STORAGE_ACCOUNT", "another")];
    assert!(!sas(&nobody, &two));
}

#[test]
fn host_of_an_account_counts_more_than_the_account_of_the_environment() {
    let options = BucketOptions {
        cloud: Some(Cloud::Azure),
        endpoint: Some("https://other.blob.core.windows.net".to_owned()),
        ..BucketOptions::default()
    };
    let environment = environment(&[("AZURE_STORAGE_ACCOUNT", "env"), ("AZURE_STORAGE_KEY", "a2V5")]);
    let settings = Settings::new("box", &options, &environment).unwrap();
    assert_eq!((settings.service.account.as_str(), key(&settings)), ("other", None));
}

#[test]
fn bearer_tokens_are_sent_by_https_alone() {
    let environment = environment(&[
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "id"),
        ("AZURE_CLIENT_SECRET", "secret"),
        ("AZURE_PROXY_URL", "http://proxy:1"),
    ]);
    let at = |endpoint: &str, use_iam| {
        let endpoint = Some(endpoint.to_owned());
        let options = BucketOptions { endpoint, secret_key: None, use_iam, ..options() };
        Settings::new("box", &options, &environment)
    };
    assert_eq!(at("https://files.example.org", false).unwrap().others.len(), 4);
    let error = at("http://files.example.org", false).err().unwrap();
    assert!(matches!(error, Error::NoCredentials { source: None, .. }), "{error}");
    let error = at("http://files.example.org", true).err().unwrap();
    assert!(error.to_string().contains("https alone"), "{error}");
}

#[test]
fn azures_own_endpoint_is_https_whatever_is_said_of_others() {
    let options = BucketOptions { use_ssl: Some(false), ..options() };
    let settings = Settings::new("box", &options, &Environment::default()).unwrap();
    assert_eq!(settings.service.url, "https://acc.blob.core.windows.net");
}

#[test]
fn role_of_the_machine_counts_instead_of_all_keys() {
    let environment = environment(&[
        ("AZURE_STORAGE_KEY", "a2V5"),
        ("AZURE_STORAGE_SAS_TOKEN", "sig=x"),
        ("AZURE_CLIENT_ID", "id"),
        ("AZURE_CLIENT_SECRET", "secret"),
    ]);
    let role = BucketOptions { use_iam: true, ..options() };
    let settings = Settings::new("box", &role, &environment).unwrap();
    assert!(settings.key.is_none() && settings.sas.is_none());
    assert_eq!(settings.others, [(Key::ClientId, "id".to_owned())]);
    assert!(!settings.target().has_credentials);
}

#[test]
fn emulator_has_an_account_of_its_own() {
    let emulator = BucketOptions {
        cloud: Some(Cloud::Azure),
        endpoint: Some("127.0.0.1:10000".to_owned()),
        ..BucketOptions::default()
    };
    let settings = Settings::new("box", &emulator, &Environment::default()).unwrap();
    assert_eq!(settings.service.url, "http://127.0.0.1:10000/devstoreaccount1");
    assert_eq!(key(&settings), Some(EMULATOR_KEY));
}

#[test]
fn missing_account_is_an_error_that_names_the_variables() {
    let nobody = BucketOptions { cloud: Some(Cloud::Azure), ..BucketOptions::default() };
    let error = Settings::new("box", &nobody, &Environment::default()).err().unwrap().to_string();
    assert!(error.contains("AZURE_STORAGE_ACCOUNT"), "{error}");
    let half = BucketOptions { access_key: None, ..options() };
    let error = Settings::new("box", &half, &Environment::default()).err().unwrap();
    assert!(matches!(error, Error::IncompleteCredentials { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("c3dvcmRmaXNo"));
}
