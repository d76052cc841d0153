// SPDX-License-Identifier: Apache-2.0
//! What a user types and sees: arguments, exit code and both outputs.
//! The snapshots of `--help` are the reference of the command line.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::support::command::{m2m, run, run_command};
use crate::support::fixtures;

/// Compares an observation with its snapshot.
macro_rules! snapshot {
    ($name:literal, $run:expr) => {{
        let observation = $run.observation(&[
            (&fixtures::install("install-1.1.1"), "<install>"),
            (fixtures::project(), "<project>"),
        ]);
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, observation);
        });
    }};
}

fn sql(more: &[&str]) -> crate::support::command::Run {
    let install = fixtures::install("install-1.1.1");
    run(&[&["sql", "--install", install.to_str().unwrap()], more].concat())
}

#[test]
fn help_of_every_command() {
    snapshot!("help", run(&["--help"]));
    snapshot!("help_sql", run(&["sql", "--help"]));
    snapshot!("help_dump", run(&["dump", "--help"]));
    snapshot!("help_load", run(&["load", "--help"]));
    snapshot!("help_verify", run(&["verify", "--help"]));
    snapshot!("help_migrate", run(&["migrate", "--help"]));
    snapshot!("help_plan", run(&["plan", "--help"]));
    snapshot!("help_export", run(&["export", "--help"]));
    snapshot!("help_config", run(&["config", "-h"]));
}

#[test]
fn wrong_usage_ends_with_2() {
    snapshot!("usage_unknown_command", run(&["explode"]).ends_with(2));
    snapshot!("usage_tables_without_meta", run(&["sql", "--tables", "x", "SELECT 1"]).ends_with(2));
    let install = fixtures::install("install-1.1.1");
    let install = install.to_str().unwrap();
    run(&["sql", "--install", "/nonexistent", "SELECT 1"]).ends_with(2).says(&["/nonexistent"]);
    run(&["dump", "--install", install, "--out", "ftp://x/y"]).ends_with(2).says(&["ftp://x/y"]);
    run(&["dump", "--install", install, "--out", "/tmp/never-made", "--col", "nope"])
        .ends_with(2)
        .says(&["nope"]);
    snapshot!("usage_no_source", run(&["sql", "SELECT 1"]).ends_with(2));
    snapshot!("usage_no_target", {
        let install = fixtures::install("install-1.1.1");
        run(&["dump", "--install", install.to_str().unwrap()]).ends_with(2)
    });
    snapshot!("usage_no_milvus", {
        let install = fixtures::install("install-1.1.1");
        run(&["verify", "--install", install.to_str().unwrap()]).ends_with(2)
    });
}

#[test]
fn a_plan_is_shown_and_nothing_is_written() {
    let install = fixtures::install("install-1.1.1");
    let plan = |command: &str, more: &[&str]| {
        run(&[&[command, "--install", install.to_str().unwrap(), "--allow-unflushed"], more].concat())
    };
    snapshot!("plan", plan("plan", &["--col", "ip_parts,bin_tanimoto,indexed_ip_hnsw"]).ends_with(0));
    let half = ["--col", "ip_parts", "--where", "id % 2 = 0 AND partition_tag <> 'a-b'"];
    let choices = ["--set", "m2m.partitions=key", "--set", "m2m.index=auto", "--to-format", "parquet"];
    let all = [&half[..], &choices].concat();
    snapshot!("plan_of_a_part", plan("plan", &all).ends_with(0));
    snapshot!("plan_json", plan("plan", &[&half[..], &["--format", "json"]].concat()).ends_with(0));
    let query =
        "SELECT id, vector, id % 7 AS remainder, 'né' AS word, partition_tag FROM ip_parts WHERE id % 3 = 0";
    snapshot!("plan_of_a_query", plan("plan", &["--query", query, "--as", "rich"]).ends_with(0));
    let explained = plan("plan", &["--query", query, "--as", "rich", "--explain"]).ends_with(0);
    assert!(explained.stdout.contains("DataSourceExec") && explained.stdout.contains("predicate=id"));
    // The folder is not made, and a dump says the same.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let dry = plan("dump", &[&all[..], &["--dry-run", "--out", out.to_str().unwrap()]].concat()).ends_with(0);
    assert_eq!(dry.stdout, plan("plan", &all).stdout);
    assert!(!out.exists());
}

#[test]
fn rows_that_are_wrongly_asked_for_end_with_2() {
    let install = fixtures::install("install-1.1.1");
    let plan = |more: &[&str]| run(&[&["plan", "--install", install.to_str().unwrap()], more].concat());
    snapshot!("plan_unknown_column", plan(&["--col", "ip_parts", "--where", "idd = 1"]).ends_with(2));
    snapshot!(
        "plan_unknown_table",
        plan(&["--query", "SELECT id, vector FROM ip_part", "--as", "x"]).ends_with(2)
    );
    plan(&["--col", "ip_parts", "--where", "id = 1) OR (true"]).ends_with(2).says(&["one condition"]);
    plan(&["--col", "ip_parts", "--where", "id"]).ends_with(2).says(&["non-boolean"]);
}

#[test]
fn rows_are_printed_in_each_format() {
    let query = "SELECT id, vector, partition_tag FROM parts_only ORDER BY id, partition_tag LIMIT 3";
    snapshot!("sql_table", sql(&[query]).ends_with(0));
    snapshot!("sql_csv", sql(&["--format", "csv", query]).ends_with(0));
    snapshot!("sql_json", sql(&["--format", "json", query]).ends_with(0));
    snapshot!("sql_ndjson", sql(&["--format", "ndjson", query]).ends_with(0));
    snapshot!("sql_tsv", sql(&["--format", "tsv", query]).ends_with(0));
    snapshot!("sql_markdown", sql(&["--format", "markdown", query]).ends_with(0));
    snapshot!("sql_vertical", sql(&["--format", "vertical", query]).ends_with(0));
    snapshot!("sql_binary", sql(&["SELECT id, vector FROM bin_hamming ORDER BY id LIMIT 2"]).ends_with(0));
}

#[test]
fn rows_go_to_a_file_in_the_form_that_its_ending_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let query = "SELECT id, partition_tag FROM parts_only WHERE id < 3 ORDER BY id, partition_tag";
    sql(&["-o", &path("a.csv"), query]).ends_with(0);
    sql(&["-o", &path("a.parquet"), query]).ends_with(0);
    sql(&["-o", &path("a.arrow"), query]).ends_with(0);
    let csv = fs::read_to_string(path("a.csv")).unwrap();
    assert!(csv.starts_with("id,partition_tag\n1,x\n"), "{csv}");
    for (kind, name) in [("PARQUET", "a.parquet"), ("ARROW", "a.arrow"), ("CSV", "a.csv")] {
        let back = format!(
            "CREATE EXTERNAL TABLE t STORED AS {kind} LOCATION '{}'; SELECT * FROM t ORDER BY id, partition_tag",
            path(name)
        );
        assert_eq!(sql(&["--format", "csv", &back]).ends_with(0).stdout, csv, "{name}");
    }
    sql(&["-o", &path("ids.npy"), "SELECT id FROM parts_only"]).ends_with(0);
    sql(&["-o", &path("columns/"), "SELECT id, vector FROM parts_only"]).ends_with(0);
    assert_eq!(fs::read(path("ids.npy")).unwrap(), fs::read(path("columns/id.npy")).unwrap());
    assert!(fs::metadata(path("columns/vector.npy")).unwrap().len() > 128);
}

#[test]
fn a_file_is_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("old.csv"), "old").unwrap();
    let fails = "SELECT 10 / (id - 1) AS tenth FROM parts_only";
    for name in ["old.csv", "new.parquet", "new.npy", "new.json", "columns/"] {
        sql(&["-o", &path(name), fails]).ends_with(1).says(&["ivide by zero"]);
    }
    assert_eq!(fs::read_to_string(path("old.csv")).unwrap(), "old");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "old.csv" || name == "columns"), "{left:?}");
    sql(&["-o", &path("a.xlsx"), "SELECT 1"]).ends_with(2).says(&["a.xlsx", ".parquet"]);
    sql(&["-o", &path("a.parquet"), "SELECT 1; SELECT 2"]).ends_with(2).says(&["holds one result"]);
    sql(&["-o", &path("a.parquet"), "EXPLAIN SELECT 1"]).ends_with(2).says(&["this statement is none"]);
    sql(&["-o", &path("none/a.csv"), "SELECT 1"]).ends_with(1).says(&["none/a.csv"]);
    sql(&["--format", "parquet", "SELECT 1"]).ends_with(2).says(&["-o"]);
}

/// Names that the engine would take for patterns, and places that are no regular files.
#[test]
fn rows_go_where_they_are_told_to_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["d[1]", "q?", "a*b", "100%", "sp ace"] {
        let inner = folder.path().join(name);
        fs::create_dir(&inner).unwrap();
        for ending in ["csv", "parquet", "arrow", "npy"] {
            let path = inner.join(format!("x{name}.{ending}"));
            sql(&["-o", path.to_str().unwrap(), "SELECT id FROM parts_only"]).ends_with(0);
            assert!(fs::metadata(&path).unwrap().len() > 128, "{}", path.display());
        }
        let copied = inner.join("copied.parquet");
        let copy = format!("COPY (SELECT id FROM parts_only) TO '{}' STORED AS PARQUET", copied.display());
        sql(&[&copy]).ends_with(0);
        assert!(fs::metadata(&copied).unwrap().len() > 128, "{}", copied.display());
        assert_eq!(fs::read_dir(&inner).unwrap().count(), 5, "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    sql(&["-o", "/dev/null", "--format", "csv", "SELECT id FROM parts_only"]).ends_with(0);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    sql(&["-o", "/dev/null", "--format", "parquet", "SELECT 1"]).ends_with(2).says(&["a device or a pipe"]);
    assert_eq!(
        sql(&["-o", "/dev/stdout", "--format", "csv", "SELECT 1 AS one"]).ends_with(0).stdout,
        "one\n1\n"
    );
}

#[test]
fn a_file_that_is_replaced_keeps_its_permissions_and_its_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    for ending in ["csv", "parquet", "arrow", "npy"] {
        let (real, link) =
            (folder.path().join(format!("a.{ending}")), folder.path().join(format!("l.{ending}")));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        let path = if ending == "npy" { &real } else { &link };
        symlink(&real, &link).unwrap();
        sql(&["-o", path.to_str().unwrap(), "SELECT id FROM parts_only"]).ends_with(0);
        assert!(fs::metadata(&real).unwrap().len() > 128, "{ending}");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600, "{ending}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}

/// A program that is kept by a reader that does not read, or by an input that does not end.
#[test]
fn a_signal_ends_a_program_that_is_kept_waiting() {
    let install = fixtures::install("install-1.1.1");
    let install = install.to_str().unwrap();
    let rows = "SELECT a.id, b.id, a.vector FROM float_l2 a, float_l2 b";
    for args in [
        ["sql", "--install", install, rows, "--format=csv"],
        ["sql", "--install", install, "-", "--format=csv"],
    ] {
        for signal in ["INT", "TERM"] {
            let mut command = m2m(&args);
            let input = if args[3] == "-" { Stdio::piped() } else { Stdio::null() };
            let mut child =
                command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(1));
            let id = child.id().to_string();
            assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
            let begun = std::time::Instant::now();
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                assert!(begun.elapsed().as_secs() < 30, "{args:?} did not end by {signal}");
                std::thread::sleep(std::time::Duration::from_millis(20));
            };
            assert_eq!(status.code(), Some(130), "{args:?} by {signal}");
        }
    }
}

#[test]
fn times_and_counts_are_told_when_they_are_asked_for() {
    let timed =
        sql(&["--timing", "SELECT id FROM bin_hamming LIMIT 3; SET datafusion.execution.batch_size = 100"]);
    let lines: Vec<&str> = timed.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("time: 0.") && lines[0].ends_with(" s, 3 rows"), "{lines:?}");
    assert!(lines[1].ends_with(" s"), "{lines:?}");
    assert_eq!(sql(&["SELECT 1"]).stderr, "");
}

#[test]
fn a_mistake_in_a_file_is_told_with_the_file_and_nothing_of_it_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.sql");
    fs::write(&file, "SELECT 1;\nSELECT 2;\nSELECT FROM;\n").unwrap();
    let run = sql(&["-f", file.to_str().unwrap()]).ends_with(1).says(&["a.sql, line 3, column 12"]);
    assert_eq!(run.stdout, "");
    fs::write(&file, "SELECT 1 AS one;\nSELECT nope;\nSELECT 3;\n").unwrap();
    let run = sql(&["--format", "csv", "-f", file.to_str().unwrap()]).ends_with(1);
    assert_eq!(run.says(&["there is no column `nope`", "a.sql, line 2, column 8"]).stdout, "one\n1\n");
}

#[test]
fn a_script_completes_commands_of_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).ends_with(0).stdout;
        assert!(script.contains("m2m") && script.contains("allow-unflushed"), "{script}");
    }
    let script = run(&["completions", "bash"]).ends_with(0).stdout;
    for word in ["plan", "--dry-run", "--if-exists", "append", "parquet"] {
        assert!(script.contains(word), "{word}");
    }
    run(&["completions", "tcsh"]).ends_with(2);
}

#[test]
fn a_result_without_rows_still_has_a_header() {
    let query = "SELECT id, partition_tag FROM empty_coll";
    snapshot!("sql_no_rows_table", sql(&[query]).ends_with(0));
    snapshot!("sql_no_rows_csv", sql(&["--format", "csv", query]).ends_with(0));
    snapshot!("sql_no_rows_json", sql(&["--format", "json", query]).ends_with(0));
}

#[test]
fn a_long_table_is_cut_and_says_so() {
    snapshot!("sql_cut", sql(&["--max-rows", "2", "SELECT id FROM bin_hamming ORDER BY id"]).ends_with(0));
}

#[test]
fn mistakes_in_sql_end_with_1() {
    snapshot!("sql_unknown_table", sql(&["SELECT * FROM float_l3"]).ends_with(1));
    snapshot!("sql_unknown_column", sql(&["SELECT idd FROM float_l2"]).ends_with(1));
    snapshot!("sql_syntax", sql(&["SELEC 1"]).ends_with(1));
}

#[test]
fn statements_come_from_files_and_standard_input_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.sql");
    fs::write(&file, "SELECT 1 AS one; -- two statements\nSELECT 'x' AS x;\n").unwrap();
    let shown = sql(&["--format", "csv", "-f", file.to_str().unwrap()]).ends_with(0);
    assert_eq!(shown.stdout, "one\n1\nx\nx\n");

    let install = fixtures::install("install-1.1.1");
    let args = ["sql", "--install", install.to_str().unwrap(), "--format", "csv", "-"];
    let mut child = m2m(&args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 2 AS two").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "two\n2\n");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let install = fixtures::install("install-1.1.1");
    let command = format!(
        "set -o pipefail; {} sql --install {} --format csv 'SELECT id, vector FROM float_l2' | head -n 1",
        env!("CARGO_BIN_EXE_m2m"),
        install.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &command]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "id,vector\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn a_configuration_names_the_source_and_a_flag_comes_first() {
    let install = fixtures::install("install-1.1.1");
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "meta: {{mode: sqlite, sqliteFile: {0}/db/meta.sqlite}}\nsource: {{mode: local, local: {{tablesDir: {0}/db/tables}}}}\n",
        install.display()
    );
    fs::write(folder.path().join("migration.yaml"), text).unwrap();
    let query = ["sql", "--format", "csv", "SELECT count(*) AS n FROM float_l2"];
    let mut command = m2m(&query);
    command.current_dir(folder.path());
    assert_eq!(run_command(&query, command).ends_with(0).stdout, "n\n687\n");

    let other = fixtures::install("install-1.0.0");
    let query = [
        "sql",
        "--install",
        other.to_str().unwrap(),
        "--format",
        "csv",
        "SELECT count(*) AS n FROM float_l2",
    ];
    let mut command = m2m(&query);
    command.current_dir(folder.path());
    assert_eq!(run_command(&query, command).ends_with(0).stdout, "n\n686\n");
}

#[test]
fn a_wrong_configuration_ends_with_2_and_names_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.yaml");
    fs::write(&file, "loader:\n  worker:\n    limits: 3\n").unwrap();
    run(&["-c", file.to_str().unwrap(), "sql", "SELECT 1"])
        .ends_with(2)
        .says(&["m.yaml", "limits", "line 3"]);
    fs::write(&file, "target: {remote: {cloud: ibm}}\n").unwrap();
    run(&["-c", file.to_str().unwrap(), "sql", "SELECT 1"]).ends_with(2).says(&[
        "target.remote.cloud",
        "ibm",
        "`azure`",
    ]);
    run(&["-c", "/nonexistent.yaml", "sql", "SELECT 1"]).ends_with(2).says(&["/nonexistent.yaml"]);
}

#[test]
fn the_example_configuration_is_valid() {
    let example = fixtures::project().join("examples/migration.yaml");
    let install = fixtures::install("test1w");
    let args = [
        "-c",
        example.to_str().unwrap(),
        "sql",
        "--install",
        install.to_str().unwrap(),
        "--format",
        "csv",
        "SELECT count(*) AS n FROM test1w",
    ];
    assert_eq!(run(&args).ends_with(0).stdout, "n\n10000\n");
}
