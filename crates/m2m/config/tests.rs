// SPDX-License-Identifier: Apache-2.0

use super::*;

/// What is accepted and what is refused at each key: a text that is fine, the
/// value it becomes, a text that is not, and a part of the message.
///
/// A key that takes any text has no refused form: a list stands there instead.
const FORMS: &[(&str, &str, &str, &str, &str)] = &[
    ("dumper.worker.workMode", "Milvus1x", "milvus1x", "faiss", "expected `milvus1x`, found `faiss`; Faiss"),
    ("dumper.worker.limit", "'20'", "20", "0", "from 1 to 1024, found `0`"),
    ("dumper.worker.reader.bufferSize", "1024", "1024", "1MB", "found `1MB`"),
    ("dumper.worker.writer.bufferSize", "1024", "1024", "-1", "found `-1`"),
    ("loader.worker.limit", "16", "16", "many", "from 1 to 1024, found `many`"),
    ("meta.mode", "SQLite", "sqlite", "config", "VTS"),
    ("meta.sqliteFile", "/db/meta.sqlite", "/db/meta.sqlite", "[a]", "a single value"),
    ("meta.mysqlUrl", "u:p@tcp(h:3306)/m", "mysql://u@h:3306/m", "[a]", "a single value"),
    ("meta.localFile", "/out/meta.json", "/out/meta.json", "{a: b}", "a single value"),
    ("meta.mockFile", "/out/meta.json", "/out/meta.json", "[a]", "a single value"),
    ("meta.remoteMetaFile", "a/meta.json", "a/meta.json", "[a]", "a single value"),
    ("meta.version", "7", "(no effect)", "", ""),
    ("meta.index", "i", "(no effect)", "", ""),
    ("meta.fields", "[{name: a}]", "(no effect)", "", ""),
    ("meta.collection", "c", "(no effect)", "", ""),
    ("meta.milvus", "{shardNum: 2}", "(no effect)", "", ""),
    ("source.mode", "Remote", "remote", "s3", "expected `local`, `remote`, found `s3`"),
    ("source.local.tablesDir", "/db/tables/", "/db/tables/", "{a: b}", "a text or a list"),
    ("source.local.faissFile", "f", "(no effect)", "", ""),
    ("source.remote.tablesDir", "/x/tables/", "/x/tables/", "[a]", "a single value"),
    ("source.remote.cloud", "minio", "aws", "ibm", "found `ibm`"),
    ("source.remote.endpoint", "h:9000", "h:9000", "[a]", "a single value"),
    ("source.remote.bucket", "b", "b", "[a]", "a single value"),
    ("source.remote.region", "us-west-2", "us-west-2", "[a]", "a single value"),
    ("source.remote.ak", "0123", "***", "[a]", "a single value"),
    ("source.remote.sk", "1e5", "***", "[a]", "a single value"),
    ("source.remote.useSSL", "T", "true", "on", "expected `true` or `false`, found `on`"),
    ("source.remote.useIAM", "1", "true", "yes", "found `yes`"),
    ("source.remote.checkBucket", "f", "false", "no", "found `no`"),
    ("source.remote.caFile", "/ca.pem", "/ca.pem", "[a]", "a single value"),
    ("source.remote.faissFile", "f", "(no effect)", "", ""),
    ("source.es", "{urls: [a]}", "(no effect)", "", ""),
    ("source.milvus2x", "{endpoint: a}", "(no effect)", "", ""),
    ("target.mode", "LOCAL", "local", "bucket", "found `bucket`"),
    ("target.local.outputDir", "/out", "/out", "[a]", "a single value"),
    ("target.remote.outputDir", "output/", "output/", "[a]", "a single value"),
    (
        "target.remote.cloud",
        "az",
        "azure",
        "gpc",
        "expected `aws`, `gcp`, `azure`, `ali` or `tc`, found `gpc`",
    ),
    ("target.remote.endpoint", "https://h:9000", "https://h:9000", "[a]", "a single value"),
    ("target.remote.bucket", "a-bucket", "a-bucket", "[a]", "a single value"),
    ("target.remote.region", "ap-southeast-1", "ap-southeast-1", "[a]", "a single value"),
    ("target.remote.ak", "minioadmin", "***", "[a]", "a single value"),
    ("target.remote.sk", "minioadmin", "***", "[a]", "a single value"),
    ("target.remote.useSSL", "False", "false", "yes", "expected `true` or `false`, found `yes`"),
    ("target.remote.useIAM", "0", "false", "off", "found `off`"),
    ("target.remote.checkBucket", "true", "true", "y", "found `y`"),
    ("target.remote.caFile", "/ca.pem", "/ca.pem", "[a]", "a single value"),
    ("target.milvus2x.endpoint", "h:19530", "h:19530", "[a]", "a single value"),
    ("target.milvus2x.username", "root", "root", "[a]", "a single value"),
    ("target.milvus2x.password", "123456", "***", "[a]", "a single value"),
    ("target.milvus2x.token", "a:b", "***", "[a]", "a single value"),
    ("target.milvus2x.database", "d", "d", "[a]", "a single value"),
    ("target.milvus2x.caFile", "/ca.pem", "/ca.pem", "[a]", "a single value"),
    ("target.milvus2x.certFile", "/cert.pem", "/cert.pem", "[a]", "a single value"),
    ("target.milvus2x.keyFile", "/key.pem", "/key.pem", "[a]", "a single value"),
    ("target.milvus2x.serverName", "milvus.internal", "milvus.internal", "[a]", "a single value"),
    ("target.milvus2x.grpc.maxCallRecvMsgSize", "67108864", "67108864", "64MB", "found `64MB`"),
    ("target.milvus2x.grpc.maxCallSendMsgSize", "0", "0", "1e6", "found `1e6`"),
    ("target.milvus2x.writeMode", "insert", "(no effect)", "", ""),
    ("target.create.collection.name", "c", "c", "[a]", "a single value"),
    ("target.create.collection.shardsNum", "2", "2", "65", "from 0 to 64, found `65`"),
    ("target.create.collection.dim", "128", "128", "32769", "from 0 to 32768, found `32769`"),
    ("target.create.collection.metricType", "L2", "L2", "[a]", "a single value"),
    ("m2m.install", "/var/lib/milvus", "/var/lib/milvus", "[a]", "a single value"),
    ("m2m.tables", "[/a, /b]", "/a;/b", "{a: b}", "a text or a list"),
    ("m2m.meta", "meta.sqlite", "meta.sqlite", "[a]", "a single value"),
    ("m2m.wal", "/wal", "/wal", "[a]", "a single value"),
    ("m2m.source.virtualHosted", "true", "true", "maybe", "found `maybe`"),
    ("m2m.out", "s3://b/p", "s3://b/p", "[a]", "a single value"),
    ("m2m.target.virtualHosted", "false", "false", "maybe", "found `maybe`"),
    ("m2m.serverPath", "/data", "/data", "[a]", "a single value"),
    ("m2m.workers", "4", "4", "0", "from 1 to 1024, found `0`"),
    ("m2m.memory", "512", "512", "8", "from 16 to"),
    ("m2m.cluster", "h:50050", "h:50050", "[a]", "a single value"),
    ("m2m.fileSize", "1024", "1024", "16384", "from 1 to 12288, found `16384`"),
    ("m2m.idField", "id", "id", "[a]", "a single value"),
    ("m2m.vectorField", "v", "v", "[a]", "a single value"),
    ("m2m.format", "PARQUET", "parquet", "json", "expected `npy`, `parquet`, found `json`"),
    ("m2m.partitions", "Key", "key", "drop", "expected `keep`, `key`, found `drop`"),
    ("m2m.partitionField", "tag", "tag", "[a]", "a single value"),
    (
        "m2m.ipToCosine",
        "ifnormalised",
        "ifNormalised",
        "true",
        "expected `never`, `ifNormalised`, `always`, found `true`",
    ),
    ("m2m.index", "NONE", "none", "hnsw", "expected `keep`, `auto`, `none`, found `hnsw`"),
    ("m2m.duplicates", "First", "first", "drop", "expected `keep`, `first`, `last`, `fail`, found `drop`"),
    ("m2m.invalidVectors", "Skip", "skip", "keep", "expected `fail`, `skip`, found `keep`"),
    ("m2m.checksum", "SHA256", "sha256", "md5", "expected `crc32c`, `sha256`, found `md5`"),
    ("m2m.importStall", "60", "60", "0", "from 1 to 86400, found `0`"),
    ("m2m.retry", "0", "0", "-1", "from 0 to 86400, found `-1`"),
    (
        "m2m.ifExists",
        "Replace",
        "replace",
        "drop",
        "expected `fail`, `append`, `skip`, `replace`, found `drop`",
    ),
    ("m2m.loadAfter", "F", "false", "never", "expected `true` or `false`, found `never`"),
];

/// A file with one key.
fn file(path: &str, value: &str) -> String {
    let mut text = String::new();
    let mut indent = String::new();
    for part in path.split('.') {
        text.push_str(&format!("\n{indent}{part}:"));
        indent.push_str("  ");
    }
    format!("{text} {value}\n")
}

fn load(text: &str, variables: &[(&str, &str)], set: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("migration.yaml");
    std::fs::write(&path, text).unwrap();
    let variables = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    let set: Vec<String> = set.iter().map(ToString::to_string).collect();
    let typed = Typed { set: &set, flags: Vec::new() };
    Config::load(Some(&path), variables, &typed).map_err(|error| error.report())
}

fn value(config: &Config, path: &str) -> String {
    let shown = page::shown(config, false);
    shown.into_iter().find(|line| line.key == path).map_or_else(|| "nothing".into(), |line| line.value)
}

#[test]
fn every_key_has_its_row() {
    let rows: Vec<&str> = FORMS.iter().map(|(path, ..)| *path).collect();
    let keys: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
    assert_eq!(rows, keys);
}

#[test]
fn each_key_accepts_its_form_from_everywhere() {
    for (path, accepted, becomes, ..) in FORMS {
        let config = load(&file(path, accepted), &[], &[]).unwrap();
        assert_eq!(value(&config, path), *becomes, "{path} in a file");
        let shouted = load(&file(&path.to_uppercase(), accepted), &[], &[]).unwrap();
        assert_eq!(value(&shouted, path), *becomes, "{path} in capitals");
        if accepted.contains(['[', '{', '\'']) {
            continue;
        }
        let config = load("", &[], &[&format!("{}={accepted}", path.to_lowercase())]).unwrap();
        assert_eq!(value(&config, path), *becomes, "{path} by --set");
        let variable = names::slot(path).unwrap().key.environment();
        let config = load("", &[(&variable, accepted)], &[]).unwrap();
        assert_eq!(value(&config, path), *becomes, "{variable}");
    }
}

#[test]
fn each_key_refuses_another_form_with_its_path_and_its_file() {
    for (path, _, _, refused, message) in FORMS.iter().filter(|(_, _, _, refused, _)| !refused.is_empty()) {
        let error = load(&file(path, refused), &[], &[]).unwrap_err();
        assert!(error.contains(message), "{path}: {error}");
        assert!(
            error.contains("migration.yaml") && error.contains(path) && error.contains("line"),
            "{path}: {error}"
        );
    }
}

#[test]
fn each_misspelt_key_is_refused() {
    for (path, accepted, ..) in FORMS {
        let error = load(&file(&format!("{path}x"), accepted), &[], &[]).unwrap_err();
        assert!(error.contains(&format!("unknown key `{path}x`")), "{error}");
        assert!(error.contains(&format!("`{path}`")), "the nearest key of `{path}x`: {error}");
    }
}

#[test]
fn a_flag_counts_before_set_that_before_the_environment_that_before_the_file() {
    let text = file("target.remote.endpoint", "of-file");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, text).unwrap();
    let long = ("M2M_TARGET_REMOTE_ENDPOINT".to_owned(), "of-long".to_owned());
    let short = ("M2M_S3_ENDPOINT".to_owned(), "of-short".to_owned());
    let set = ["target.remote.endpoint=of-set".to_owned()];
    let flag = || vec![(&keys::TARGET_ENDPOINT, vec!["of-flag".to_owned()])];
    let found = |variables: Vec<(String, String)>, set: &[String], flags| {
        let config = Config::load(Some(&path), variables, &Typed { set, flags }).unwrap();
        let (_, origin) = config.get(&keys::TARGET_ENDPOINT).unwrap();
        (config.text(&keys::TARGET_ENDPOINT).unwrap().to_owned(), origin.to_string())
    };
    let both = || vec![long.clone(), short.clone()];
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(found(both(), &set, flag()), is("of-flag", "--s3-endpoint"));
    assert_eq!(found(both(), &set, Vec::new()), is("of-set", "--set"));
    assert_eq!(found(both(), &[], Vec::new()), is("of-short", "M2M_S3_ENDPOINT"));
    assert_eq!(found(vec![long.clone()], &[], Vec::new()), is("of-long", "M2M_TARGET_REMOTE_ENDPOINT"));
    assert_eq!(found(Vec::new(), &[], Vec::new()), is("of-file", path.to_str().unwrap()));
}

#[test]
fn an_empty_value_takes_back_what_stands_below() {
    let text = file("target.remote.endpoint", "of-file");
    let config = load(&text, &[], &["target.remote.endpoint="]).unwrap();
    assert!(!config.has(&keys::TARGET_ENDPOINT));
    // An empty variable is one that nobody set.
    let empty = [("M2M_S3_ENDPOINT", ""), ("M2M_TARGET_REMOTE_ENDPOINT", "")];
    let config = load(&text, &empty, &[]).unwrap();
    assert_eq!(config.text(&keys::TARGET_ENDPOINT), Some("of-file"));
    let typed = Typed { set: &[], flags: vec![(&keys::TABLES, vec![String::new()])] };
    let error = Config::load(None, [], &typed).unwrap_err().to_string();
    assert!(error.contains("--tables") && error.contains("found nothing"), "{error}");
}

#[test]
fn a_misspelt_variable_of_a_section_is_refused_and_others_are_let_be() {
    let error = load("", &[("M2M_TARGET_REMOTE_SKK", "hush")], &[]).unwrap_err();
    assert!(error.contains("M2M_TARGET_REMOTE_SKK") && error.contains("`M2M_TARGET_REMOTE_SK`"), "{error}");
    assert!(!error.contains("hush"), "{error}");
    let error = load("", &[("M2M_S3_SECRETKEY", "hush")], &[]).unwrap_err();
    assert!(error.contains("`M2M_S3_SECRET_KEY`") && !error.contains("hush"), "{error}");
    assert!(load("", &[("M2M_LOG", "debug"), ("HOME", "/")], &[]).is_ok());
}

#[test]
fn a_wrong_pair_is_refused_without_its_value() {
    for pair in ["hush", "target.remote.skk=hush", "=hush"] {
        let error = load("", &[], &[pair]).unwrap_err();
        assert!(error.contains("--set") && !error.contains("hush"), "{error}");
    }
}

#[test]
fn keys_without_effect_are_told_once_each() {
    let config = load("meta: {index: a, fields: [{name: b}]}\nsource: {es: {urls: [c]}}", &[], &[]).unwrap();
    let warnings = config.warnings();
    assert_eq!(warnings.len(), 3);
    assert!(warnings.iter().all(|warning| warning.contains("has no effect")), "{warnings:?}");
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let error = Config::load(Some(Path::new("/nonexistent.yaml")), [], &Typed::default()).unwrap_err();
    assert!(matches!(error, Error::ReadConfig { .. }));
}

#[test]
fn files_of_other_editors_are_read() {
    let text = "\u{feff}m2m:\r\n  out: /a # where\r\n  workers: 3\r\nmeta:\r\n  mode: local\r\n";
    let config = load(text, &[], &[]).unwrap();
    assert_eq!(value(&config, "meta.mode"), "local");
    assert_eq!(value(&config, "m2m.out"), "/a");
    assert_eq!(value(&config, "m2m.workers"), "3");
}
