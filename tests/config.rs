// SPDX-License-Identifier: Apache-2.0
//! `m2m config`, `m2m export`, and what a configuration does to a run.

use std::fs;
use std::path::Path;

use crate::support::command::{Run, m2m, run, run_command};
use crate::support::fixtures;

fn run_in(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = m2m(args);
    command.current_dir(folder).envs(variables.iter().copied());
    run_command(args, command)
}

/// Compares an observation with its snapshot.
macro_rules! snapshot {
    ($name:literal, $run:expr, $folder:expr) => {{
        let observation =
            $run.observation(&[($folder, "<folder>"), (&fixtures::install("install-1.1.1"), "<install>")]);
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, observation);
        });
    }};
}

#[test]
fn the_reference_in_the_project_is_the_one_that_the_program_writes() {
    let path = fixtures::project().join("CONFIGURATION.md");
    let written = run(&["config", "reference"]).ends_with(0).stdout;
    let stands = fs::read_to_string(&path).unwrap_or_default();
    assert!(stands == written, "run `m2m config reference > CONFIGURATION.md`");
}

#[test]
fn show_says_where_each_value_comes_from_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = "meta: {mode: mysql, mysqlUrl: 'reader:hush@tcp(db:3306)/milvus?tls=true'}\n\
                target: {mode: remote, remote: {bucket: a-bucket, ak: hush, sk: hush}}\n";
    fs::write(folder.path().join("migration.yaml"), text).unwrap();
    let variables = [("M2M_TARGET_REMOTE_REGION", "eu-west-1"), ("M2M_MILVUS_PASSWORD", "hush")];
    let args = ["config", "show", "--set", "target.remote.useSSL=1", "--milvus", "127.0.0.1:19530"];
    let shown = run_in(folder.path(), &args, &variables).ends_with(0);
    assert!(!shown.stdout.contains("hush") && !shown.stderr.contains("hush"));
    snapshot!("config_show", shown, folder.path());
    let json = run_in(folder.path(), &["config", "show", "--all", "--json"], &variables).ends_with(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(
        json.as_array()
            .unwrap()
            .iter()
            .any(|line| line["key"] == "m2m.memory" && line["origin"] == "default")
    );
}

#[test]
fn show_names_the_settings_of_single_collections() {
    let folder = tempfile::tempdir().unwrap();
    let text = "m2m:\n  index: auto\n  collections:\n    films:\n      WHERE: id % 2 = 0\n      fields:\n        \
                Title: {type: VarChar, maxLength: 100}\n    a.b:\n      query: |\n        SELECT id, vector\n        \
                FROM films\n    secret:\n      query: CREATE EXTERNAL TABLE t OPTIONS ('aws.secret_access_key' 'hush'); SELECT 1\n";
    fs::write(folder.path().join("migration.yaml"), text).unwrap();
    let set = |pair: &'static str| ["--set", pair];
    let args = [
        &["config", "show"][..],
        &set("m2m.collections.films.fields.Title.maxLength=200"),
        &set("m2m.collections.\"a.b\".name=AB"),
        &set("m2m.collections.films.where=id = 1"),
    ]
    .concat();
    let shown = run_in(folder.path(), &args, &[("M2M_IF_EXISTS", "Append")]).ends_with(0);
    assert!(!shown.stdout.contains("hush"));
    snapshot!("config_show_collections", shown, folder.path());
    run_in(folder.path(), &["config", "show"], &[("M2M_COLLECTIONS_FILMS_WHERE", "hush")])
        .ends_with(2)
        .says(&["M2M_COLLECTIONS_FILMS_WHERE", "m2m.collections", "--set"]);
}

#[test]
fn mistakes_in_the_settings_of_a_collection_are_told_with_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, words: &[&str]| {
        fs::write(folder.path().join("migration.yaml"), format!("m2m:\n  collections:\n    films:\n{text}"))
            .unwrap();
        run_in(folder.path(), &["config", "show"], &[]).ends_with(2).says(words);
    };
    check("      wher: id = 3\n", &["migration.yaml", "`m2m.collections.films.where`", "line 4"]);
    check("      fields: {a: {maxLength: 65536}}\n", &["migration.yaml", "fields.a.maxLength", "`65536`"]);
    check("      where: id = 3\n      query: SELECT 1\n", &["migration.yaml", "m2m.collections.films:"]);
}

#[test]
fn init_writes_a_file_that_is_valid_and_never_writes_over_one() {
    let folder = tempfile::tempdir().unwrap();
    run_in(folder.path(), &["config", "init"], &[]).ends_with(0).says(&["migration.yaml", "config check"]);
    let text = fs::read_to_string(folder.path().join("migration.yaml")).unwrap();
    assert_eq!(run(&["config", "init", "-"]).ends_with(0).stdout, text);
    run_in(folder.path(), &["config", "init"], &[]).ends_with(1).says(&["migration.yaml"]);
    // What it says is nothing yet.
    run_in(folder.path(), &["config", "check"], &[])
        .ends_with(2)
        .says(&["the 1.x installation is not given"]);
    assert_eq!(run_in(folder.path(), &["config", "show"], &[]).ends_with(0).stdout, "");
}

#[test]
fn check_finds_mistakes_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("migration.yaml");
    let check = |text: &str| {
        fs::write(&file, text).unwrap();
        run_in(folder.path(), &["config", "check"], &[])
    };
    let source = "source: {mode: local, local: {tablesDir: /nowhere/tables}}\n";
    let meta = "meta: {mode: mysql, mysqlUrl: 'u:hush@tcp(db.invalid)/milvus'}\n";
    let target = "target: {mode: remote, remote: {bucket: b, outputDir: p, endpoint: 's3.invalid:9000', ak: a, sk: hush},\n  milvus2x: {endpoint: 'milvus.invalid:19530', username: root, password: hush}}\n";
    let fine = check(&format!("{source}{meta}{target}")).ends_with(0);
    assert!(!fine.stdout.contains("hush"));
    snapshot!("config_check", fine, folder.path());
    check(&format!("{source}{meta}target: {{mode: remote}}")).ends_with(2).says(&["target.remote.bucket"]);
    check(&format!("{meta}{target}")).ends_with(2).says(&["the 1.x installation"]);
    check(&format!("{source}meta: {{mode: sqlite}}")).ends_with(2).says(&["meta.sqliteFile"]);
    let refused = |text: String, words: &[&str]| {
        let refused = check(&text).ends_with(2).says(words);
        assert!(!refused.stderr.contains("hush"), "{}", refused.stderr);
    };
    let dsn = "meta: {mode: mysql, mysqlUrl: 'u:hush@milvus'}";
    refused(format!("{source}{dsn}"), &["address of the MySQL database"]);
    refused(
        format!("{source}{meta}target: {{remote: {{bucket: b, sk: hush}}}}"),
        &["secret key", "access key"],
    );
    let milvus = "target: {milvus2x: {endpoint: 'http://root:hush@milvus:19530'}}";
    refused(format!("{source}{meta}{milvus}"), &["milvus:19530"]);
    refused(format!("{source}{meta}target: hush"), &["expected keys and values"]);
    check(&format!("{source}{meta}meta:\n  mode: local")).ends_with(2).says(&["comes twice"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn keys_without_effect_are_warned_about_unless_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let text = "meta: {version: 7, milvus: {shardNum: 2}}\nsource: {es: {urls: [a]}}\n";
    fs::write(folder.path().join("migration.yaml"), text).unwrap();
    snapshot!("config_warnings", run_in(folder.path(), &["config", "show"], &[]).ends_with(0), folder.path());
    assert_eq!(run_in(folder.path(), &["-q", "config", "show"], &[]).ends_with(0).stderr, "");
}

#[test]
fn the_second_place_of_the_lookup_is_the_folder_configs() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("configs")).unwrap();
    fs::write(folder.path().join("configs/migration.yaml"), "m2m: {out: second}\n").unwrap();
    let shown = |folder: &Path| run_in(folder, &["config", "show"], &[]).ends_with(0).stdout;
    assert!(shown(folder.path()).contains("second"));
    fs::write(folder.path().join("migration.yaml"), "m2m: {out: first}\n").unwrap();
    assert!(shown(folder.path()).contains("first"));
}

#[test]
fn metadata_is_exported_and_everything_accepts_the_export() {
    let folder = tempfile::tempdir().unwrap();
    let install = fixtures::install("install-1.1.1");
    let out = folder.path().join("new/folder");
    let sqlite = install.join("db/meta.sqlite");
    let args = ["export", "-s", sqlite.to_str().unwrap(), "-o", out.to_str().unwrap()];
    snapshot!("export", run(&args).ends_with(0), folder.path());
    // Again: the file is replaced whole.
    run(&args).ends_with(0);
    let meta = out.join("meta.json");
    let tables = install.join("db/tables");
    let parts = ["--tables", tables.to_str().unwrap(), "--meta", meta.to_str().unwrap()];
    let count = ["sql", "--format", "csv", "SELECT count(*) AS n FROM float_l2"];
    assert_eq!(run(&[&count[..], &parts].concat()).ends_with(0).stdout, "n\n687\n");
    // And so does the export of an export.
    let again = folder.path().join("again");
    run(&[&["export", "-o", again.to_str().unwrap()][..], &parts].concat()).ends_with(0);
    assert_eq!(fs::read(again.join("meta.json")).unwrap(), fs::read(&meta).unwrap());
}

#[test]
fn metadata_of_another_kind_than_the_mode_says_is_refused() {
    let install = fixtures::install("test1w");
    let json = install.join("meta.json");
    let tables = format!("source.local.tablesDir={}", install.join("tables").display());
    let sqlite = format!("meta.sqliteFile={}", json.display());
    let args = ["sql", "SELECT 1", "--set", &tables, "--set", "meta.mode=sqlite", "--set", &sqlite];
    run(&args).ends_with(2).says(&["meta.json", "found JSON", "meta.localFile"]);
    for mode in ["local", "mock"] {
        let (mode, file) = (format!("meta.mode={mode}"), format!("meta.mockFile={}", json.display()));
        let args = [
            "sql",
            "--format",
            "csv",
            "SELECT count(*) AS n FROM test1w",
            "--set",
            &tables,
            "--set",
            &mode,
            "--set",
            &file,
        ];
        assert_eq!(run(&args).ends_with(0).stdout, "n\n10000\n");
    }
}

#[test]
fn segments_are_read_from_every_folder_that_is_named() {
    let copy = fixtures::copy("test1w");
    let root = copy.path().join("test1w");
    let second = copy.path().join("secondary/tables");
    fs::create_dir_all(&second).unwrap();
    fs::rename(root.join("tables/test1w"), second.join("test1w")).unwrap();
    let (meta, first) = (root.join("meta.json"), root.join("tables"));
    let meta = ["--meta", meta.to_str().unwrap()];
    let (first, second) = (first.to_str().unwrap(), second.to_str().unwrap());
    let count = ["sql", "--format", "csv", "SELECT count(*) AS n FROM test1w"];
    run(&[&count[..], &meta, &["--tables", first]].concat()).ends_with(1).says(&["test1w", "10000 rows"]);
    let both = ["--tables", first, "--tables", second];
    assert_eq!(run(&[&count[..], &meta, &both].concat()).ends_with(0).stdout, "n\n10000\n");
    let list = format!("source.local.tablesDir={first};{second}");
    let set = ["--set", list.as_str(), "--set", "meta.mode=local", "--set"];
    let file = format!("meta.localFile={}", root.join("meta.json").display());
    assert_eq!(run(&[&count[..], &set, &[&file]].concat()).ends_with(0).stdout, "n\n10000\n");
}

#[test]
fn a_partition_in_the_old_tools_metadata_is_not_migrated_as_a_collection() {
    let copy = fixtures::copy("test1w");
    let root = copy.path().join("test1w");
    let meta = root.join("meta.json");
    let text = fs::read_to_string(&meta).unwrap().replace("\"test1w\"", "\"1678354366132\"");
    fs::write(&meta, text).unwrap();
    fs::rename(root.join("tables/test1w"), root.join("tables/1678354366132")).unwrap();
    let out = copy.path().join("out");
    let args = ["dump", "--install", root.to_str().unwrap(), "--out", out.to_str().unwrap()];
    run(&args).ends_with(1).says(&["`1678354366132`", "partition", "server's own metadata"]);
    let named = [&args[..], &["--set", "target.create.collection.name=named"]].concat();
    run(&named).ends_with(0).says(&["the collection becomes `named`"]);
}

/// Two installations are told apart by their number of rows.
#[test]
fn what_is_typed_is_read_whatever_the_file_and_the_environment_name() {
    let (old, new) = (fixtures::install("install-1.0.0"), fixtures::install("install-1.1.1"));
    let (old, new) = (old.to_str().unwrap(), new.to_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let count = |text: &str, variables: &[(&str, &str)], more: &[&str]| {
        fs::write(folder.path().join("migration.yaml"), text).unwrap();
        let args = [&["sql", "--format", "csv", "SELECT count(*) AS n FROM float_l2"][..], more].concat();
        run_in(folder.path(), &args, variables).ends_with(0).stdout
    };
    let of = |root: &str| (format!("{root}/db/tables"), format!("{root}/db/meta.sqlite"));
    let (tables, meta) = of(new);
    let typed = ["--tables", &tables, "--meta", &meta];
    let set_tables = format!("source.local.tablesDir={tables}");
    let set_meta = format!("meta.sqliteFile={meta}");
    let set = ["--set", &set_tables, "--set", &set_meta];
    let install = format!("m2m: {{install: {old}}}\n");
    let (old_tables, old_meta) = of(old);
    let parts = format!("m2m: {{tables: {old_tables}, meta: {old_meta}}}\n");
    let described = format!(
        "source: {{mode: remote, remote: {{bucket: b}}}}\nmeta: {{mode: local, localFile: {old_meta}}}\n"
    );
    for text in [&install, &parts, &described] {
        assert_eq!(count(text, &[], &typed), "n\n687\n", "{text}");
        assert_eq!(count(text, &[], &set), "n\n687\n", "{text}");
        assert_eq!(count(text, &[("M2M_INSTALL", new)], &[]), "n\n687\n", "{text}");
    }
    assert_eq!(count("", &[("M2M_INSTALL", old)], &typed), "n\n687\n");
    assert_eq!(count(&install, &[], &[]), "n\n686\n");
    // In one file the block that the old tool does not know is meant.
    let both = format!("{install}source: {{local: {{tablesDir: {tables}}}}}\nmeta: {{sqliteFile: {meta}}}\n");
    assert_eq!(count(&both, &[], &[]), "n\n686\n");
}

#[test]
fn an_empty_value_that_was_typed_is_no_value() {
    let meta = fixtures::install("install-1.1.1").join("db/meta.sqlite");
    let root = fixtures::install("install-1.1.1");
    for flag in ["--tables", "--install", "--out"] {
        let args = ["sql", "SELECT 1", flag, ""];
        let mut command = m2m(&args);
        // The folder is an installation itself: nothing may be found there by chance.
        command.current_dir(&root).env("M2M_META", &meta);
        run_command(&args, command).ends_with(2).says(&[flag, "found nothing"]);
    }
}

#[test]
fn an_export_says_what_it_cannot_say_and_leaves_a_dump_alone() {
    let root = fixtures::install("install-1.1.1-unflushed");
    let root = root.to_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    run(&["export", "--install", root, "--out", out]).ends_with(0).says(&[
        "warning",
        "float_l2",
        "write-ahead log",
        "5 inserted",
    ]);
    run(&["dump", "--install", root, "--out", out, "--allow-unflushed", "--col", "float_l2"]).ends_with(0);
    run(&["export", "--install", root, "--out", out]).ends_with(1).says(&["complete dump"]);
}

#[test]
fn nothing_is_written_among_the_files_of_an_installation() {
    let copy = fixtures::copy("install-1.1.1");
    let root = copy.path().join("install-1.1.1");
    std::os::unix::fs::symlink(root.join("db"), copy.path().join("link")).unwrap();
    let install = root.to_str().unwrap();
    for out in [
        "install-1.1.1",
        "install-1.1.1/db",
        "install-1.1.1/db/new/folder",
        "install-1.1.1/db/tables/float_l2",
        "link/x",
    ] {
        let out = copy.path().join(out);
        let args = ["dump", "--install", install, "--out", out.to_str().unwrap(), "--overwrite"];
        run(&args).ends_with(2).says(&["never changed"]);
    }
    let beside = root.join("dump");
    run(&["dump", "--install", install, "--out", beside.to_str().unwrap(), "--col", "bin_ivf"]).ends_with(0);

    let old = fixtures::copy("test1w");
    let old = old.path().join("test1w");
    let (meta, out) = (fs::read(old.join("meta.json")).unwrap(), old.to_str().unwrap());
    run(&["export", "--install", out, "-o", out]).ends_with(2).says(&["meta.json", "never changed"]);
    assert_eq!(fs::read(old.join("meta.json")).unwrap(), meta);
}

#[test]
fn a_mistake_in_an_address_does_not_print_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    for address in
        ["user:hush@127.0.0.1:3306/db", "user:hush@tcp[127.0.0.1]/db", "user:hush@tcp(127.0.0.1/db"]
    {
        for args in [
            ["export", "-s", address, "-o", out],
            ["export", "-m", address, "-o", out],
            ["export", "--meta", address, "-o", out],
        ] {
            let run = run(&args);
            assert!(run.code != 0 && !run.stderr.contains("hush"), "{}", run.stderr);
        }
    }
    let sqlite = fixtures::install("install-1.1.1").join("db/meta.sqlite");
    run(&["export", "-m", sqlite.to_str().unwrap(), "-o", out]).ends_with(2).says(&["`-s`"]);
    run(&["export", "-s", "user:hush@tcp(db)/milvus", "-o", out]).ends_with(2).says(&["`-m`"]);
}
