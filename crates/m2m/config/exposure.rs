// SPDX-License-Identifier: Apache-2.0
//! Secrets where others can read them: in a file that is not its owner's alone,
//! and on the command line, which every process of the machine can read.

use std::os::unix::fs::PermissionsExt;

use m2m_catalog::MySql;

use super::keys::{Key, Kind};
use super::page::without_user;
use super::{Config, Origin, Value};
use crate::shell::may_be_kept;

/// Bits of a file's mode that let its group or everybody read it.
const READ_BY_OTHERS: u32 = 0o044;

/// Every secret that others can read, a sentence each.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    of_file(config).into_iter().chain(of_arguments(config)).collect()
}

/// A file that holds secrets is read by its owner alone.
fn of_file(config: &Config) -> Option<String> {
    let path = config.file()?;
    let of_file =
        |(key, origin): &(String, &Origin)| matches!(origin, Origin::File(_)).then(|| format!("`{key}`"));
    let keys: Vec<String> = secrets(config).iter().filter_map(of_file).collect();
    let mode = path.metadata().ok()?.permissions().mode();
    if keys.is_empty() || mode & READ_BY_OTHERS == 0 {
        return None;
    }
    let (path, keys) = (path.display(), keys.join(", "));
    Some(format!("others can read `{path}`, which holds secrets ({keys}): `chmod 600 {path}` hides them"))
}

fn of_arguments(config: &Config) -> Option<String> {
    let of_run = |key: &&&Key| config.get(key).is_some_and(|(value, _)| is_secret(key, value));
    let mut shown = Vec::new();
    let mut variables = Vec::new();
    for key in super::KEYS.iter().filter(of_run) {
        let flag = match config.get(key) {
            Some((_, Origin::Flag(flag))) => format!("`{flag}`"),
            Some((_, Origin::Set)) => format!("`--set {}`", key.path),
            _ => continue,
        };
        shown.push(flag);
        variables.push(format!("`{}`", key.variable.map_or_else(|| key.environment(), str::to_owned)));
    }
    let others = secrets(config).into_iter().filter(|(_, origin)| matches!(origin, Origin::Set));
    let is_of_run = |path: &str| super::KEYS.iter().any(|key| key.path == path);
    let mut others: Vec<String> =
        others.filter(|(path, _)| !is_of_run(path)).map(|(path, _)| format!("`--set {path}`")).collect();
    if shown.is_empty() && others.is_empty() {
        return None;
    }
    let remedy = match variables.is_empty() {
        true => "write it into the configuration file".to_owned(),
        false => {
            format!("give it in the environment, as {}, or in the configuration file", variables.join(", "))
        }
    };
    shown.append(&mut others);
    Some(format!("every process of this machine can read the secret behind {}: {remedy}", shown.join(", ")))
}

/// The paths of the keys with secrets, and where they come from.
fn secrets(config: &Config) -> Vec<(String, &Origin)> {
    let found = config.settings().filter(|(slot, value, _)| is_secret(slot.key, value));
    found.map(|(slot, _, origin)| (slot.to_string(), origin)).collect()
}

/// Whether a value lets somebody in. The name of an access key does not.
fn is_secret(key: &Key, value: &Value) -> bool {
    match value {
        Value::Secret(address) if matches!(key.kind, Kind::Dsn) => has_password(address.expose()),
        Value::Secret(_) => key.name() != "ak",
        Value::Text(sql) if matches!(key.kind, Kind::Sql) => !may_be_kept(sql),
        Value::Text(text) => without_user(text) != *text,
        Value::List(list) => list.iter().any(|one| without_user(one) != *one),
        Value::Flag(_) | Value::Integer(_) | Value::Cloud(_) | Value::Unused => false,
    }
}

/// Whether metadata is named by an address with a password in it.
pub(crate) fn has_password(address: &str) -> bool {
    if MySql::is_address(address) {
        return MySql::parse(address).map_or(true, |address| address.has_password());
    }
    without_user(address) != address
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};

    use super::*;
    use crate::config::{Typed, keys};

    const SECRETS: &str = "meta: {mysqlUrl: 'u:hush@tcp(h:3306)/m'}\n\
        target: {remote: {ak: a, sk: hush}, milvus2x: {password: hush, token: hush}}\n";

    fn said(text: &str, mode: u32, typed: &Typed<'_>) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("migration.yaml");
        std::fs::write(&path, text).unwrap();
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let said = warnings(&Config::load(Some(&path), [], typed).unwrap());
        assert!(said.iter().all(|text| !text.contains("hush")), "{said:?}");
        said
    }

    #[test]
    fn a_file_with_secrets_is_its_owners_alone() {
        for mode in [0o644, 0o640, 0o604, 0o666] {
            let said = said(SECRETS, mode, &Typed::default());
            assert_eq!(said.len(), 1, "{mode:o}");
            assert!(said[0].contains("chmod 600") && said[0].contains("migration.yaml"), "{said:?}");
            for key in ["meta.mysqlUrl", "target.remote.sk", "target.milvus2x.password"] {
                assert!(said[0].contains(key), "{said:?}");
            }
            assert!(!said[0].contains("remote.ak"), "{said:?}");
        }
        for mode in [0o600, 0o400, 0o700, 0o622] {
            assert!(said(SECRETS, mode, &Typed::default()).is_empty(), "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_secret_may_be_read() {
        for text in [
            "",
            "meta: {mysqlUrl: 'u@tcp(h:3306)/m'}",
            "m2m: {meta: /x/meta.sqlite, out: 's3://b/p'}",
            "target: {remote: {ak: a}}",
        ] {
            assert!(said(text, 0o644, &Typed::default()).is_empty(), "{text}");
        }
        for text in [
            "m2m: {meta: 'mysql://u:hush@h/m'}",
            "source: {remote: {endpoint: 'http://u:hush@h:9000'}}",
            "m2m: {tables: ['s3://u:hush@b/p']}",
            "m2m: {meta: 'mysql://u:hush@h'}",
        ] {
            assert_eq!(said(text, 0o644, &Typed::default()).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_secret_that_was_typed_is_told_once_with_its_variable() {
        let set = ["target.remote.sk=hush".to_owned(), "target.remote.region=r".to_owned()];
        let flags = vec![
            (&keys::MILVUS_PASSWORD, vec!["hush".to_owned()]),
            (&keys::META, vec!["u:hush@tcp(h)/m".to_owned()]),
            (&keys::TARGET_AK, vec!["a".to_owned()]),
        ];
        let said = said("", 0o644, &Typed { set: &set, flags });
        assert_eq!(said.len(), 1);
        for word in [
            "--set target.remote.sk",
            "M2M_S3_SECRET_KEY",
            "--milvus-password",
            "M2M_MILVUS_PASSWORD",
            "M2M_META",
        ] {
            assert!(said[0].contains(word), "{said:?}");
        }
        assert!(!said[0].contains("region") && !said[0].contains("access"), "{said:?}");
    }
}
