// SPDX-License-Identifier: Apache-2.0
//! What others can read, and where names lead: no secret in any output at any
//! verbosity, and no path out of its root, whoever wrote the metadata or the
//! manifest.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::command::{Run, m2m, run, run_command};
use crate::support::fixtures;
use crate::support::services::{self, unique, variable};

/// Stands for a secret of any kind.
const HUSH: &str = "hushhush";
/// Everything that can be logged, by us and by all that we use.
const TRACE: (&str, &str) = ("M2M_LOG", "trace");

/// Runs a command at every verbosity; none of the secrets may be printed.
#[track_caller]
fn keeps(secrets: &[&str], args: &[&str], prepared: impl Fn(&[&str]) -> Command) -> Run {
    let mut last = None;
    // What `-v` prints is a part of that.
    for (more, log) in [(&["-vv"][..], false), (&[], true)] {
        let args = [more, args].concat();
        let mut command = prepared(&args);
        if log {
            command.env(TRACE.0, TRACE.1);
        }
        let run = run_command(&args, command);
        for secret in secrets {
            let shown = [&run.stdout, &run.stderr].into_iter().find_map(|text| {
                let at = text.find(secret)?;
                Some(text[..at].lines().last().unwrap_or_default().to_owned())
            });
            assert!(
                shown.is_none(),
                "a secret was printed by {more:?}, trace {log}, behind `{}`",
                shown.unwrap_or_default()
            );
        }
        last = Some(run);
    }
    last.unwrap()
}

fn base64(text: &str) -> String {
    let output = Command::new("python3")
        .args(["-c", "import base64, sys; print(base64.b64encode(sys.argv[1].encode()).decode())", text])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn test1w() -> String {
    fixtures::install("test1w").to_str().unwrap().to_owned()
}

#[test]
fn keys_and_passwords_of_a_migration_are_in_no_log_and_no_file() {
    let target = services::with_auth();
    let (install, secret) = (test1w(), services::s3_secret());
    // What is sent to Milvus is the base64 of both.
    let sent = base64("root:Milvus");
    let secrets = [secret.as_str(), &sent, "root:Milvus"];
    let database = unique("security");
    let out = format!("s3://{}/{database}", target.bucket);
    let args = [
        "migrate",
        "--install",
        &install,
        "--out",
        &out,
        "--milvus-database",
        &database,
        "--if-exists",
        "replace",
        "--overwrite",
    ];
    keeps(&secrets, &args, |args| target.m2m(args)).ends_with(0);
    let args = ["check", "--install", &install, "--out", &out, "--json", "--if-exists", "skip"];
    keeps(&secrets, &args, |args| target.m2m(args)).ends_with(0);
    let (token, wrong) = (base64(&format!("root:{HUSH}")), services::WRONG);
    let args = ["plan", "--install", &install, "--milvus-database", "default"];
    let refused = |name: &str, value: &str| {
        keeps(&[value, &token, wrong], &args, |args| {
            let mut command = target.m2m(args);
            command.env_remove("M2M_MILVUS_USER").env_remove("M2M_MILVUS_PASSWORD").env(name, value);
            command
        })
        .ends_with(1);
    };
    refused("M2M_MILVUS_TOKEN", &format!("root:{HUSH}"));
}

#[test]
fn a_password_of_a_database_is_in_no_log() {
    let mariadb = services::mariadb();
    let password = mariadb.password.as_str();
    let encoded = "p%40ss%2Fw0rd%3Ax";
    for dsn in [
        format!("{}:{password}@tcp(127.0.0.1:{})/milvus", mariadb.user, mariadb.port),
        format!("mysql://{}:{encoded}@127.0.0.1:{}/milvus", mariadb.user, mariadb.port),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().to_str().unwrap();
        keeps(&[password, encoded], &["export", "-o", out], |args| {
            let mut command = m2m(args);
            command.env("M2M_META", &dsn);
            command
        })
        .ends_with(0);
        let written = fs::read_to_string(folder.path().join("meta.json")).unwrap();
        assert!(!written.contains(password) && !written.contains(encoded));
    }
    let wrong = format!("u:{HUSH}@tcp(127.0.0.1:{})/milvus", mariadb.port);
    let install = fixtures::install("test1w").join("tables");
    let args =
        ["audit", "--quick", "--tables", install.to_str().unwrap(), "--meta", &wrong, "--format", "html"];
    let run = keeps(&[HUSH], &args, m2m).ends_with(3);
    assert!(run.stdout.contains("mysql://u@127.0.0.1"), "the page names the database");
}

#[test]
fn no_file_beside_the_import_files_holds_a_password() {
    let (mariadb, target) = (services::mariadb(), services::with_local_storage());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let (out, database) = (out.to_str().unwrap(), unique("security_files"));
    let tables = fixtures::install("install-1.1.1").join("db/tables");
    let seen = format!("m2m.serverPath={out}");
    let args = [
        "migrate",
        "--tables",
        tables.to_str().unwrap(),
        "--col",
        "ip_parts",
        "--out",
        out,
        "--set",
        &seen,
        "--milvus-database",
        &database,
    ];
    let mut command = target.m2m(&args);
    let dsn = format!("{}:{}@tcp(127.0.0.1:{})/milvus", mariadb.user, mariadb.password, mariadb.port);
    command.env("M2M_META", dsn);
    run_command(&args, command).ends_with(0);
    let all = tree(Path::new(out)).into_iter().map(|(path, _)| path);
    let texts: Vec<PathBuf> =
        all.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
    for name in ["manifest.json", "ledger.json", "meta.json"] {
        assert!(texts.iter().any(|path| path.ends_with(name)), "{texts:?}");
    }
    for path in texts {
        let text = fs::read_to_string(&path).unwrap();
        for secret in [&mariadb.password, &services::s3_secret()] {
            assert!(!text.contains(secret.as_str()), "{}", path.display());
        }
    }
}

#[test]
fn a_token_of_azure_is_in_no_log() {
    let azurite = variable("M2M_TEST_AZURITE");
    let token = format!("sv=2020-08-04&ss=b&srt=sco&sp=rl&se=2099-12-31T00:00:00Z&sig={HUSH}%3D");
    let install = test1w();
    for endpoint in [azurite.as_str(), "http://127.0.0.1:9"] {
        keeps(&[HUSH], &["dump", "--install", &install, "--out", "az://m2m-test/x"], |args| {
            let mut command = m2m(args);
            command
                .env("M2M_S3_ENDPOINT", format!("{endpoint}/devstoreaccount1"))
                .env("M2M_S3_ACCESS_KEY", "devstoreaccount1")
                .env("M2M_S3_SECRET_KEY", &token);
            command
        })
        .ends_with(1);
    }
}

#[test]
fn a_secret_in_a_url_is_refused_and_not_repeated() {
    let (install, meta) = (test1w(), fixtures::install("test1w").join("meta.json"));
    let tables = fixtures::install("test1w").join("tables");
    let (meta, tables) = (meta.to_str().unwrap(), tables.to_str().unwrap());
    let dump = |more: &[&'static str]| -> Vec<String> {
        ["dump", "--install", &install].iter().chain(more).map(ToString::to_string).collect()
    };
    let mut all = vec![
        dump(&["--out", "s3://u:hushhush@bucket/p"]),
        dump(&["--out", "s3://bucket/p?X-Amz-Signature=hushhush"]),
        dump(&["--out", "az://c/p?sv=1&sig=hushhush"]),
        dump(&["--out", "abfss://c:hushhush@a.dfs.core.windows.net/p"]),
        dump(&["--out", "https://u:hushhush@h/b"]),
        dump(&["--out", "s3://b/p", "--s3-endpoint", "http://u:hushhush@127.0.0.1:9"]),
        dump(&["--out", "s3://b/p", "--s3-endpoint", "http://127.0.0.1:9/?sig=hushhush"]),
    ];
    let others = [
        ["verify", "--install", &install, "--milvus", "http://root:hushhush@127.0.0.1:9"],
        ["verify", "--install", &install, "--milvus", "http://127.0.0.1:9/?token=hushhush"],
        ["plan", "--meta", meta, "--tables", "s3://u:hushhush@b/p"],
        ["plan", "--meta", meta, "--tables", "az://c/p?sig=hushhush"],
        ["plan", "--tables", tables, "--meta", "mysql://u:hushhush@h"],
        ["plan", "--tables", tables, "--meta", "u:hushhush@h/m"],
        ["plan", "--tables", tables, "--meta", "s3://b/meta.json?sig=hushhush"],
        ["plan", "--tables", tables, "--meta", "https://u:hushhush@h/meta.json"],
    ];
    all.extend(others.iter().map(|args| args.iter().map(ToString::to_string).collect()));
    for args in &all {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let refused = run(&args);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("warning: every process of this machine"), "{}", refused.stderr);
        assert!(!refused.stderr.contains(HUSH) && !refused.stdout.contains(HUSH), "{}", refused.stderr);
        let shown = run(&[&["config", "show"], &args[3..]].concat());
        assert!(!shown.stdout.contains(HUSH) && !shown.stderr.contains(HUSH), "{}", shown.stdout);
    }
}

#[test]
fn a_file_that_others_can_read_is_told_only_where_it_holds_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("migration.yaml");
    let shown = |text: &str, mode: u32, more: &[&str]| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let args = [&["config", "show"], more].concat();
        let mut command = m2m(&args);
        command.current_dir(folder.path());
        let run = run_command(&args, command).ends_with(0);
        assert!(!run.stderr.contains(HUSH) && !run.stdout.contains(HUSH));
        run.stderr
    };
    let secret = "target: {remote: {ak: a, sk: hushhush}}\n";
    let warned = shown(secret, 0o644, &[]);
    assert!(warned.contains("chmod 600 migration.yaml") && warned.contains("target.remote.sk"), "{warned}");
    assert_eq!(shown(secret, 0o600, &[]), "");
    assert_eq!(shown(secret, 0o644, &["-q"]), "");
    assert_eq!(shown("target: {remote: {ak: a}}\n", 0o644, &[]), "");
    let typed = shown("", 0o644, &["--s3-secret-key", HUSH, "--milvus-password", HUSH]);
    assert_eq!(typed.matches("warning: ").count(), 1, "{typed}");
    for word in ["--s3-secret-key", "M2M_S3_SECRET_KEY", "--milvus-password", "M2M_MILVUS_PASSWORD"] {
        assert!(typed.contains(word), "{typed}");
    }
    fs::remove_file(&file).unwrap();
    let mut command = m2m(&["config", "init"]);
    command.current_dir(folder.path());
    run_command(&["config", "init"], command).ends_with(0);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A copy of an installation whose metadata is changed by SQL.
fn changed(sql: &str) -> (tempfile::TempDir, PathBuf) {
    let copy = fixtures::copy("install-1.1.1");
    let root = copy.path().join("install-1.1.1");
    let script =
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2]); db.close()";
    let meta = root.join("db/meta.sqlite");
    let status = Command::new("python3").args(["-c", script, meta.to_str().unwrap(), sql]).status().unwrap();
    assert!(status.success());
    (copy, root)
}

/// Every file and folder, with its length.
fn tree(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        if meta.is_dir() {
            found.extend(tree(&path));
        }
        found.push((path, if meta.is_dir() { 0 } else { meta.len() }));
    }
    found.sort();
    found
}

/// Runs a command that writes to `out` alone.
fn confined(copy: &Path, args: &[&str]) -> Run {
    let out = copy.join("in/out");
    fs::create_dir_all(copy.join("in")).unwrap();
    let before: Vec<_> = tree(copy).into_iter().filter(|(path, _)| !path.starts_with(&out)).collect();
    let all = [args, &["--out", out.to_str().unwrap()]].concat();
    let run = run(&all);
    let after: Vec<_> = tree(copy).into_iter().filter(|(path, _)| !path.starts_with(&out)).collect();
    assert_eq!(after, before, "something was written elsewhere\n{}", run.observation(&[]));
    assert!(!run.stderr.contains("panicked") && run.code != 101, "{}", run.observation(&[]));
    // No name from the metadata writes on a terminal.
    let controls =
        |text: &str| text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'));
    assert!(!controls(&run.stderr), "{:?}", run.stderr);
    run
}

#[test]
fn ids_of_the_metadata_that_lead_elsewhere_are_refused() {
    for bad in ["'..'", "'../up'", "'/etc'", "'a' || char(0) || 'b'", "''"] {
        for change in [
            format!("UPDATE Tables SET table_id = {bad} WHERE table_id = 'float_l2'"),
            format!(
                "UPDATE TableFiles SET table_id = {bad} WHERE table_id = 'float_l2'; UPDATE Tables SET table_id = {bad} WHERE table_id = 'float_l2'"
            ),
            format!(
                "UPDATE Tables SET table_id = {bad} WHERE owner_table = 'ip_parts' AND partition_tag = 'a-b'"
            ),
            format!("UPDATE TableFiles SET segment_id = {bad} WHERE table_id = 'float_l2' AND file_type = 1"),
        ] {
            let (copy, root) = changed(&change);
            let root = root.to_str().unwrap();
            let refused = confined(copy.path(), &["dump", "--install", root]).ends_with(1);
            assert!(refused.stderr.contains("expected a name"), "{change}\n{}", refused.stderr);
            assert!(!copy.path().join("in/out").exists());
            if bad == "'../up'" {
                confined(copy.path(), &["export", "--install", root]).ends_with(1);
                confined(copy.path(), &["check", "--install", root]).ends_with(1);
            }
        }
    }
}

#[test]
fn long_names_and_names_that_write_on_a_terminal_are_refused_or_escaped() {
    let long = "replace(hex(zeroblob(3000)), '00', 'ab')";
    for (change, word) in [
        (format!("UPDATE TableFiles SET segment_id = {long} WHERE table_id = 'float_l2'"), "cannot read ids"),
        (format!("UPDATE Tables SET table_id = {long} WHERE table_id = 'float_l2'"), "name of a collection"),
        (
            "UPDATE Tables SET table_id = 'a' || char(27) || '[2Jb' WHERE table_id = 'float_l2'".into(),
            "\\u{1b}[2J",
        ),
    ] {
        let (copy, root) = changed(&change);
        let refused = confined(copy.path(), &["dump", "--install", root.to_str().unwrap()]).ends_with(1);
        assert!(refused.stderr.contains(word), "{change}\n{}", refused.stderr);
    }
}

#[test]
fn tags_of_any_kind_become_names_below_their_collection() {
    for tag in [
        "'../../../out2'",
        "'/etc'",
        "'a/../../b'",
        "'a' || char(0)",
        "char(27) || '[2J'",
        "'..'",
        "'.'",
        "'a' || char(10) || 'b'",
        "replace(hex(zeroblob(3000)), '00', 'ab')",
    ] {
        let (copy, root) = changed(&format!(
            "UPDATE Tables SET partition_tag = {tag} WHERE owner_table = 'ip_parts' AND partition_tag = 'a-b'"
        ));
        let root = root.to_str().unwrap();
        confined(copy.path(), &["dump", "--install", root, "--col", "ip_parts"]).ends_with(0);
        let out = copy.path().join("in/out");
        let folders: Vec<String> = fs::read_dir(out.join("ip_parts"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        assert!(folders.iter().all(is_plain), "{tag}: {folders:?}");
        assert_eq!(folders.len(), 5, "{tag}: {folders:?}");
        confined(copy.path(), &["plan", "--install", root, "--col", "ip_parts"]);
        confined(copy.path(), &["audit", "--quick", "--install", root, "--col", "ip_parts"]);
    }
}

#[test]
fn a_meta_json_that_leads_elsewhere_is_refused() {
    let copy = fixtures::copy("test1w");
    let root = copy.path().join("test1w");
    let text = fs::read_to_string(root.join("meta.json")).unwrap();
    let meta: Value = serde_json::from_str(&text).unwrap();
    let segment = find(&meta, "segment").expect("a segment's id");
    for bad in ["../up", "/etc", "..", "a/b", "a\\u0000b"] {
        for (from, to) in [
            (format!("\"segment\": \"{segment}\""), format!("\"segment\": \"{bad}\"")),
            (format!("\"segment\":\"{segment}\""), format!("\"segment\":\"{bad}\"")),
            ("\"collection\": \"test1w\"".into(), format!("\"collection\": \"{bad}\"")),
            ("\"collection\":\"test1w\"".into(), format!("\"collection\":\"{bad}\"")),
        ] {
            if !text.contains(&from) {
                continue;
            }
            fs::write(root.join("meta.json"), text.replace(&from, &to)).unwrap();
            let refused = confined(copy.path(), &["dump", "--install", root.to_str().unwrap()]).ends_with(1);
            assert!(refused.stderr.contains("expected a name"), "{to}\n{}", refused.stderr);
        }
    }
}

/// The first text at a key, wherever it stands.
fn find(value: &Value, key: &str) -> Option<String> {
    match value {
        Value::Object(fields) => match fields.get(key) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => fields.values().find_map(|value| find(value, key)),
        },
        Value::Array(values) => values.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

#[test]
fn what_is_no_file_is_refused_and_keeps_nobody_waiting() {
    let segment = |root: &Path| {
        let tables = root.join("db/tables/ip_parts");
        let found = fs::read_dir(&tables).unwrap().map(|entry| entry.unwrap().path());
        found.filter(|path| path.join("deleted_docs").exists()).min().unwrap()
    };
    for name in ["deleted_docs", ".uid", ".rv"] {
        let copy = fixtures::copy("install-1.1.1");
        let root = copy.path().join("install-1.1.1");
        let folder = segment(&root);
        let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let file = if name.starts_with('.') { folder.join(format!("{id}{name}")) } else { folder.join(name) };
        let root = root.to_str().unwrap();
        let args = ["dump", "--install", root, "--col", "ip_parts"];
        fs::remove_file(&file).unwrap();
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        let refused = confined(copy.path(), &args).ends_with(1);
        assert!(refused.stderr.contains("found a pipe"), "{}", refused.stderr);
        let told = confined(copy.path(), &["check", "--install", root, "--col", "ip_parts"]).ends_with(1);
        assert!(told.stdout.contains("found a pipe"), "{}", told.stdout);
        for other in ["/dev/zero", "/etc/passwd", "/nonexistent"] {
            fs::remove_file(&file).unwrap();
            symlink(other, &file).unwrap();
            confined(copy.path(), &args).ends_with(1);
        }
    }
    // A link to another disk is how old servers were enlarged.
    let copy = fixtures::copy("install-1.1.1");
    let root = copy.path().join("install-1.1.1");
    let folder = segment(&root);
    let moved = copy.path().join("moved");
    fs::rename(&folder, &moved).unwrap();
    symlink(&moved, &folder).unwrap();
    confined(copy.path(), &["dump", "--install", root.to_str().unwrap(), "--col", "ip_parts"]).ends_with(0);
}

#[test]
fn a_bloom_filter_that_is_no_file_keeps_no_audit_waiting() {
    let copy = fixtures::copy("test1w");
    let root = copy.path().join("test1w");
    let filters = tree(&root).into_iter().map(|(path, _)| path).filter(|path| path.ends_with("bloom_filter"));
    let filters: Vec<_> = filters.collect();
    assert!(!filters.is_empty());
    for filter in &filters {
        fs::remove_file(filter).unwrap();
        assert!(Command::new("mkfifo").arg(filter).status().unwrap().success());
    }
    let audited = run(&["audit", "--install", root.to_str().unwrap()]);
    assert!(matches!(audited.code, 0 | 3), "{}", audited.observation(&[]));
}

/// A dump of a small installation, beside a file that is nobody's business.
fn dumped() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("in/out");
    run(&["dump", "--install", &test1w(), "--out", out.to_str().unwrap()]).ends_with(0);
    let other = folder.path().join("in/other.npy");
    let ids = tree(&out).into_iter().map(|(path, _)| path).find(|path| path.ends_with("id.npy")).unwrap();
    fs::copy(ids, &other).unwrap();
    (folder, out, other)
}

/// Changes every text at a key of a JSON value.
fn change(value: &mut Value, key: &str, to: &str) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == key && value.is_string() { *value = to.into() } else { change(value, key, to) }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| change(value, key, to)),
        _ => {}
    }
}

#[test]
fn a_manifest_that_names_files_elsewhere_is_refused() {
    let (folder, out, other) = dumped();
    let (out, install) = (out.to_str().unwrap(), test1w());
    let manifest = Path::new(out).join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let absolute = other.to_str().unwrap();
    for bad in ["../other.npy", absolute, "a/../../other.npy", "..", "a//b", "./id.npy", "a\0b"] {
        let mut changed: Value = serde_json::from_str(&text).unwrap();
        change(&mut changed, "path", bad);
        fs::write(&manifest, changed.to_string()).unwrap();
        let seen = ["--milvus", "127.0.0.1:9", "--set", "m2m.serverPath=/data"];
        let load = [&["load", "--out", out][..], &seen].concat();
        for args in [&load[..], &["dump", "--install", &install, "--out", out, "--overwrite"]] {
            let refused = run(args).ends_with(1);
            assert!(
                refused.stderr.contains("expected a path below its own folder"),
                "{bad}: {}",
                refused.stderr
            );
            assert!(other.exists(), "{bad} was removed");
        }
        fs::rename(&manifest, Path::new(out).join("unfinished.json")).unwrap();
        let args = ["dump", "--install", &install, "--out", out];
        let refused = run(&args);
        assert!(refused.code == 1 && other.exists(), "{bad}: {}", refused.observation(&[]));
        fs::remove_file(Path::new(out).join("unfinished.json")).unwrap();
    }
    let mut changed: Value = serde_json::from_str(&text).unwrap();
    let collections = changed["collections"].as_array_mut().unwrap();
    collections[0]["quarantine"] = "../other.npy".into();
    fs::write(&manifest, changed.to_string()).unwrap();
    run(&["dump", "--install", &install, "--out", out, "--overwrite"]).ends_with(1).says(&["../other.npy"]);
    assert!(other.exists());
    drop(folder);
}

#[test]
fn what_is_recovered_stays_below_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("tables"), folder.path().join("in/out"));
    fs::create_dir_all(root.join("..a")).unwrap();
    fs::create_dir_all(root.join("a\nb")).unwrap();
    symlink("/", root.join("up")).unwrap();
    let source = fixtures::install("test1w").join("tables");
    let status = Command::new("cp").arg("-r").arg(source.join(".")).arg(&root).status().unwrap();
    assert!(status.success());
    let args =
        ["recover", "--tables", root.to_str().unwrap(), "--out", out.to_str().unwrap(), "--metric", "L2"];
    let recovered = run(&args);
    assert!(matches!(recovered.code, 0 | 3), "{}", recovered.observation(&[]));
    assert!(!recovered.stderr.contains("panicked"));
    for owner in ["../x=a", "/etc=a", "x=../a"] {
        let args = [&args[..], &["--overwrite", "--owner", owner]].concat();
        let refused = run(&args);
        assert!(matches!(refused.code, 1 | 2), "{owner}: {}", refused.observation(&[]));
    }
    let written = tree(folder.path()).into_iter().map(|(path, _)| path);
    assert!(written.filter(|path| path.ends_with("meta.json")).all(|path| path.starts_with(&out)));
}
