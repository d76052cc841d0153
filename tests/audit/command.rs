// SPDX-License-Identifier: Apache-2.0
//! The command: what it reads, writes, refuses and ends with.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::{Audit, Old, edit_bytes, installations, text};
use crate::support::command::{Run, m2m, run};

const INSTALL: &str = "install-1.1.1";

/// Audits a fixture.
fn audit(install: &str, more: &[&str]) -> Run {
    let install = text(&installations::install(install));
    run(&[&["audit", "--progress", "none", "--install", &install], more].concat())
}

/// The whole audit of the fixture.
fn whole() -> &'static Audit {
    static WHOLE: OnceLock<Audit> = OnceLock::new();
    WHOLE.get_or_init(|| json_of(INSTALL, &[]))
}

fn json_of(install: &str, more: &[&str]) -> Audit {
    Audit::of(&audit(install, &[&["--format", "json"], more].concat()))
}

/// A check of one's own.
fn own_check(folder: &Path, name: &str, sql: &str) {
    let comment =
        "-- Collections of binary vectors.\n--\n-- severity: error\n-- remedy: Ask Ann.\n--\n-- Why.\n";
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(format!("{name}.sql")), format!("{comment}{sql}\n")).unwrap();
}

macro_rules! snapshot {
    ($name:literal, $run:expr) => {{
        let observation = $run.observation(&[(&installations::install(INSTALL), "<install>")]);
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, observation);
        });
    }};
}

#[test]
fn what_is_seen_of_it() {
    snapshot!("help_audit", run(&["audit", "--help"]));
    snapshot!("audit", audit(INSTALL, &[]).ends_with(0));
}

#[test]
fn without_reading_ids_and_vectors() {
    // 128 GiB of vectors and 8 GiB of ids, of which no disk has a byte.
    const ROWS: u64 = 1 << 30;
    let old = Old::made(|install| {
        install.collection("huge", 32).segment("7", &[], &[], &[]);
    });
    for (name, bytes) in [("7.uid", 8 * ROWS), ("7.rv", 128 * ROWS)] {
        let mut file = File::create(old.file("huge", "7", name)).unwrap();
        file.write_all(&bytes.to_le_bytes()).unwrap();
        file.set_len(8 + bytes).unwrap();
    }
    edit_bytes(&old.root.join("meta.json"), |bytes| {
        let mut meta: Value = serde_json::from_slice(bytes).unwrap();
        meta["collections"][0]["rows"] = json!(ROWS);
        meta["collections"][0]["segments"][0]["rows"] = json!(ROWS);
        *bytes = meta.to_string().into_bytes();
    });
    let quick = old.audit(&["--quick"]);
    assert_eq!(quick.report["is_quick"], true);
    assert_eq!(quick.report["totals"]["live_rows"], ROWS);
    assert_eq!(quick.report["collections"][0]["norms"], Value::Null);
    let of = |outcome: &str| -> Vec<&str> {
        let checks = quick.checks().iter().filter(|check| check["outcome"] == outcome);
        checks.map(|check| check["id"].as_str().unwrap()).collect()
    };
    assert_eq!(
        of("not_run"),
        [
            "invalid_vectors",
            "not_normalised",
            "refused_ids",
            "unreadable_data",
            "bloom_filter_wrong",
            "repeated_ids",
            "skipped_vectors",
            "unqueryable_ids",
            "bloom_filter_missing",
            "normalised_vectors",
            "zero_vectors",
        ]
    );
    assert_eq!(of("found"), ["estimate", "log_missing"]);
    assert_eq!(of("failed"), [""; 0]);
}

#[test]
fn without_reading_them_the_other_checks_find_the_same() {
    let (quick, whole) = (json_of(INSTALL, &["--quick"]), whole());
    for check in quick.checks().iter().filter(|check| check["outcome"] != "not_run") {
        assert_eq!(check, whole.check(check["id"].as_str().unwrap()));
    }
    assert_eq!(quick.report["totals"], whole.report["totals"]);
    assert!(audit(INSTALL, &["--quick"]).stdout.contains("ids and vectors were not read"));
}

#[test]
fn of_some_collections() {
    let narrow = json_of(INSTALL, &["--col", "float_l2,EMPTY_COLL"]);
    let whole = whole();
    for check in narrow.checks() {
        let id = check["id"].as_str().unwrap();
        let mut expected = whole.rows(id);
        let is_asked_for = |name: &Value| name.is_null() || name == "float_l2" || name == "empty_coll";
        expected.retain(|row| row.get("collection").is_none_or(is_asked_for));
        assert_eq!(narrow.rows(id), expected, "{id}");
    }
    let names: Vec<_> =
        narrow.report["collections"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["empty_coll", "float_l2"]);
    assert_eq!(
        (&narrow.report["totals"]["live_rows"], &narrow.report["totals"]["segments"]),
        (&json!(687), &json!(8))
    );
    audit(INSTALL, &["--col", "float_l3"]).ends_with(2).says(&["`float_l3`", "`float_l2`"]);
}

#[test]
fn of_a_collection_that_cannot_be_read() {
    let old = Old::fixture(INSTALL);
    old.change("UPDATE Tables SET metric_type = 9 WHERE table_id = 'float_l2'");
    let audit = old.audit(&["--col", "float_l2"]);
    assert_eq!(audit.only("collection_unreadable")["collection"], "float_l2");
    audit.verdict("not_ready");
    // It stands in the way of all others.
    assert_eq!(old.audit(&["--col", "parts_only"]).rows("collection_unreadable").len(), 1);
    old.run("audit", &["--col", "float_l3"]).ends_with(2).says(&["`float_l3`"]);
    fs::write(old.meta(), "no database").unwrap();
    let audit = old.audit(&["--col", "float_l2"]);
    assert_eq!(audit.rows("metadata_unreadable").len(), 1);
    audit.verdict("not_ready");
}

#[test]
fn the_exit_code_is_what_is_denied_and_not_allowed() {
    let quick = |install: &str, more: &[&str]| json_of(install, &[&["--quick"], more].concat());
    let warnings: Vec<String> = quick(INSTALL, &[])
        .checks()
        .iter()
        .filter(|check| check["severity"] == "warning" && check["outcome"] == "found")
        .map(|check| check["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(warnings.len(), 5, "{warnings:?}");
    quick(INSTALL, &["--deny", "warning"]).verdict("not_ready");
    let allow: Vec<&str> = warnings.iter().flat_map(|id| ["--allow", id.as_str()]).collect();
    quick(INSTALL, &[&["--deny", "warning"], &allow[..]].concat()).verdict("ready");
    quick(INSTALL, &allow).verdict("ready");
    quick(INSTALL, &[&["--deny", "warning"], &allow[2..]].concat()).verdict("not_ready");
    quick("test1w", &["--deny", "warning"]).verdict("ready");
    quick("test1w", &["--deny", "note"]).verdict("not_ready");
    quick("test1w", &["--deny", "note", "--allow", "estimate", "--allow", "log_missing"]).verdict("ready");
    quick("install-1.1.1-unflushed", &["--allow", "unflushed_rows"]).verdict("ready_with_warnings");
    let shown =
        audit("install-1.1.1-unflushed", &["--quick", "--allow", "unflushed_rows"]).ends_with(0).stdout;
    assert!(shown.starts_with("ready to migrate, with warnings: 0 errors, "), "{shown}");
    assert!(shown.contains("unflushed_rows (allowed)"), "{shown}");
    audit(INSTALL, &["--allow", "missing_file"]).ends_with(2).says(&["`missing_file`", "`missing_files`"]);
    audit(INSTALL, &["--deny", "error"]).ends_with(2).says(&["error", "warning", "note"]);
}

#[test]
fn checks_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let (checks, place) = (folder.path().join("checks"), text(&folder.path().join("checks")));
    let sql = "SELECT collection, concat('has ', dimension, ' bits') AS message, dimension FROM meta.collections \
               WHERE metric = 'HAMMING'";
    own_check(&checks, "binary_vectors", sql);
    let with = |more: &[&str]| audit(INSTALL, &[&["--quick", "--checks", &place], more].concat());
    let report = Audit::of(&with(&["--format", "json"]));
    report.verdict("not_ready");
    let found = report.only("binary_vectors");
    assert_eq!(
        Value::from(found),
        json!({"collection": "bin_hamming", "message": "has 128 bits", "dimension": 128})
    );
    let check = report.check("binary_vectors");
    assert_eq!(
        (&check["title"], &check["remedy"]),
        (&json!("Collections of binary vectors."), &json!("Ask Ann."))
    );
    assert!(check["sql"].as_str().unwrap().ends_with(sql));
    let shown = with(&[]).ends_with(3).stdout;
    assert!(shown.contains("bin_hamming: has 128 bits") && shown.contains("remedy: Ask Ann."), "{shown}");
    with(&["--allow", "binary_vectors"]).ends_with(0);
    // Nothing is known where a check cannot be run.
    for (sql, reason) in [
        ("SELECT nothing FROM meta.collections", "nothing"),
        ("SELECT collection FROM meta.collections", "no column `message`"),
        ("SELECT message FROM nowhere", "nowhere"),
        ("SELEC 1", "SELEC"),
        ("SELECT CAST(name AS INT) AS message FROM (VALUES ('x')) AS t(name)", "x"),
    ] {
        own_check(&checks, "binary_vectors", sql);
        let report = Audit::of(&with(&["--format", "json"]));
        let check = report.check("binary_vectors");
        assert_eq!((&check["outcome"], &check["findings"]), (&json!("failed"), &json!(0)), "{sql}");
        assert!(check["problem"].as_str().unwrap().contains(reason), "{sql}: {check}");
        assert_eq!((report.code, &report.report["verdict"]), (3, &json!("not_ready")));
    }
    let allowed = with(&["--allow", "binary_vectors"]).ends_with(0).stdout;
    assert!(allowed.contains("checks that could not be run"), "{allowed}");
    own_check(&checks, "missing_files", "SELECT 1 AS message");
    with(&[]).ends_with(2).says(&["`missing_files`", "of this name already", "missing_files.sql"]);
    fs::remove_file(checks.join("missing_files.sql")).unwrap();
    fs::write(checks.join("bad.sql"), "-- Bad.\nSELECT 1 AS message").unwrap();
    with(&[]).ends_with(2).says(&["bad.sql", "`severity:`"]);
    fs::rename(checks.join("bad.sql"), checks.join("Bad-1.sql")).unwrap();
    with(&[]).ends_with(2).says(&["Bad-1.sql", "a to z"]);
    audit(INSTALL, &["--checks", "/nowhere"]).ends_with(2).says(&["/nowhere"]);
}

#[test]
fn an_own_check_can_neither_change_nor_write_anything() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("stolen.csv");
    for sql in [
        format!("COPY (SELECT 1 AS message) TO '{}'", place.display()),
        "CREATE VIEW milvus.collections.v AS SELECT 1 AS message".into(),
        "INSERT INTO meta.collections SELECT * FROM meta.collections".into(),
        "SELECT 1 AS message; SELECT 2 AS message".into(),
    ] {
        own_check(folder.path(), "writes", &sql);
        let run = audit("test1w", &["--quick", "--format", "json", "--checks", &text(folder.path())]);
        let report = Audit::of(&run.ends_with(3));
        assert_eq!(report.check("writes")["outcome"], "failed", "{sql}");
        assert!(!place.exists(), "{sql}");
    }
}

#[test]
fn reports_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, more: &[&str]| {
        let place = text(&folder.path().join(name));
        let run = audit(INSTALL, &[&["--quick", "-o", &place], more].concat()).ends_with(0);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
        fs::read_to_string(place).unwrap()
    };
    let report: Value = serde_json::from_str(&write("report.json", &[])).unwrap();
    assert_eq!((&report["format"], &report["verdict"]), (&json!(1), &json!("ready_with_warnings")));
    let source = &report["source"];
    assert!(source["metadata"].as_str().unwrap().ends_with("db/meta.sqlite"), "{source}");
    assert!(source["tables"][0].as_str().unwrap().ends_with("db/tables"), "{source}");
    assert!(source["wal"].as_str().unwrap().ends_with("/wal"), "{source}");
    for name in ["report.html", "report.HTM"] {
        let page = write(name, &[]);
        assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"), "{name}");
    }
    for (name, more) in [("report", &[][..]), ("report.txt", &[]), ("x.json", &["--format", "text"])] {
        assert!(write(name, more).starts_with("ready to migrate, with warnings: 0 errors, "), "{name}");
    }
    let as_json = write("y.html", &["--format", "json"]);
    assert!(serde_json::from_str::<Value>(&as_json).is_ok());
    // One that is there is written over, whole.
    assert!(write("report.json", &["--format", "text"]).ends_with(" not run\n"));
    audit(INSTALL, &["--quick", "-o", "/nowhere/report.json"]).ends_with(1).says(&["/nowhere/report.json"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for format in ["text", "json", "html"] {
        let install = text(&installations::install("test1w"));
        let args = ["audit", "--quick", "--progress", "none", "--install", &install, "--format", format];
        let mut child = m2m(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert!(output.status.success(), "{format}");
    }
}

#[test]
fn checks_are_views() {
    let install = text(&installations::install(INSTALL));
    let ask = |query: &str| -> Value {
        let shown = run(&["sql", "--install", &install, "--format", "json", query]).ends_with(0);
        serde_json::from_str(&shown.stdout).unwrap()
    };
    let findings = ask("SELECT * FROM audit.findings");
    let report = whole();
    for check in report.checks() {
        let id = check["id"].as_str().unwrap();
        let of_check: Vec<&Value> =
            findings.as_array().unwrap().iter().filter(|row| row["check_id"] == id).collect();
        assert_eq!(of_check.len() as u64, check["findings"].as_u64().unwrap(), "{id}");
        for (row, expected) in of_check.iter().zip(report.rows(id)) {
            assert_eq!(row["severity"], check["severity"]);
            assert!(row["remedy"].as_str().is_some_and(|remedy| !remedy.is_empty()), "{row}");
            assert!(
                report.rows(id).iter().any(|known| known["message"] == row["message"]),
                "{row} {expected:?}"
            );
        }
    }
    assert_eq!(ask("SELECT * FROM audit.missing_files"), json!([]));
    let row = &ask("SELECT * FROM audit.row_count_differs WHERE live < metadata_rows")[0];
    assert_eq!(
        (&row["collection"], &row["live"], &row["metadata_rows"]),
        (&json!("float_l2"), &json!(37), &json!(40))
    );
    let created = ask("SHOW CREATE TABLE audit.estimate");
    let shipped = fs::read_to_string(installations::project().join("sql/audit/estimate.sql")).unwrap();
    assert_eq!(created[0]["definition"], shipped.trim_end());
    let listed = ask("SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'audit'");
    assert_eq!(listed[0]["n"], report.checks().len() + 1);
}

#[test]
fn a_tag_can_be_anything() {
    let old = Old::fixture(INSTALL);
    let hostile = "\u{1b}[2J\u{7}\r\n\t\"',;<script>alert(1)</script>\u{9b}`; DROP TABLE x; --\\";
    let quoted = hostile.replace('\'', "''");
    old.change(&format!("UPDATE Tables SET partition_tag = '{quoted}' WHERE partition_tag = 'a-b'"));
    let report = old.audit(&[]);
    for id in ["renamed_partitions", "many_deleted_rows"] {
        assert!(report.rows(id).iter().any(|row| row["partition_tag"] == hostile), "{id}");
    }
    let shown = old.run("audit", &["--progress", "none"]).ends_with(0).stdout;
    let is_harmless = |letter: char| letter == '\n' || !letter.is_control();
    assert!(shown.chars().all(is_harmless), "{shown:?}");
    assert_eq!(shown.matches("<script>").count(), shown.matches("\\u{1b}[2J").count());
    let page = old.run("audit", &["--progress", "none", "--format", "html"]).ends_with(0).stdout;
    assert!(
        !page.contains("<script") && page.contains("&lt;script&gt;") | page.contains("&#60;script&#62;"),
        "the tag is not escaped"
    );
    assert!(page.chars().all(|letter| matches!(letter, '\n' | '\t') || !letter.is_control()));
    let narrow = format!("SELECT message FROM audit.many_deleted_rows WHERE partition_tag = '{quoted}'");
    assert_eq!(old.ask(&narrow)[0]["message"], "2 of 5 rows are deleted (40.0 %)");
}
