// SPDX-License-Identifier: Apache-2.0

use std::error::Error as StdError;
use std::fs;
use std::path::Path;

use object_store::client::{HttpConnector, ReqwestConnector};
use object_store::{Certificate, ClientOptions};

use crate::{Error, Result};

const EXPECTED: &str = "expected `-----BEGIN CERTIFICATE-----`";

/// Authorities whose certificates are believed besides those that the system knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Authorities(Vec<Certificate>);

impl Authorities {
    /// Reads a PEM file; none leaves it to the system.
    pub(crate) fn of_file(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        read(file).map_err(|source| Error::Authorities { file: file.display().to_string(), source })
    }

    /// Returns the options with these authorities.
    pub(crate) fn add_to(&self, options: ClientOptions) -> ClientOptions {
        self.0.iter().cloned().fold(options, ClientOptions::with_root_certificate)
    }
}

fn read(file: &Path) -> Result<Authorities, Box<dyn StdError + Send + Sync>> {
    let certificates = Certificate::from_pem_bundle(&fs::read(file)?)?;
    if certificates.is_empty() {
        return Err(EXPECTED.into());
    }
    let authorities = Authorities(certificates);
    // What stands between the lines is looked at when a client is made.
    ReqwestConnector::default().connect(&authorities.add_to(ClientOptions::new()))?;
    Ok(authorities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BucketOptions, Cloud, Storage};

    /// An authority of nobody, valid until 2126.
    const AUTHORITY: &str = include_str!("authorities/test_ca.pem");

    fn options(cloud: Cloud, pem: &str) -> (tempfile::TempDir, BucketOptions) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        fs::write(&file, pem).unwrap();
        let options = BucketOptions {
            cloud: Some(cloud),
            endpoint: Some("https://127.0.0.1:1".into()),
            region: Some("here".into()),
            access_key: Some("devstoreaccount1".into()),
            secret_key: Some("c2VjcmV0".into()),
            ca_file: Some(file),
            ..BucketOptions::default()
        };
        (folder, options)
    }

    fn clouds() -> impl Iterator<Item = Cloud> {
        Cloud::ALL.into_iter().map(|(cloud, _)| cloud)
    }

    #[test]
    fn every_cloud_takes_authorities() {
        for cloud in clouds() {
            for pem in [AUTHORITY.to_owned(), format!("# two of them\n{AUTHORITY}\n{AUTHORITY}")] {
                let (_folder, options) = options(cloud, &pem);
                Storage::bucket("box", "", &options).unwrap();
            }
        }
        let (_folder, options) = options(Cloud::Gcp, AUTHORITY);
        let by_role = BucketOptions { access_key: None, secret_key: None, ..options };
        Storage::bucket("box", "", &by_role).unwrap();
        let missing = BucketOptions { ca_file: Some("/no/such/file".into()), ..by_role };
        assert!(Storage::bucket("box", "", &missing).is_err());
    }

    #[test]
    fn file_without_certificates_is_named() {
        let key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        let cut = &AUTHORITY[..AUTHORITY.len() / 2];
        let spoiled = AUTHORITY.replacen("MII", "AAA", 1);
        let no_base64 = AUTHORITY.replacen("MII", "*!*", 1);
        for pem in ["", "not a certificate", key, cut, &spoiled, &no_base64] {
            for cloud in clouds() {
                let (folder, options) = options(cloud, pem);
                let error = Storage::bucket("box", "", &options).unwrap_err();
                let expected = format!(
                    "cannot use `{}/ca.pem` as certificates of trusted authorities; give a PEM file",
                    folder.path().display()
                );
                assert_eq!(error.to_string(), expected, "{cloud}: {pem}");
                assert!(error.source().is_some());
            }
        }
        let (_folder, mut options) = options(Cloud::Aws, AUTHORITY);
        options.ca_file = Some("/no/such/file".into());
        let error = Storage::bucket("box", "", &options).unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "No such file or directory (os error 2)");
    }
}
