// SPDX-License-Identifier: Apache-2.0
//! The outputs of an audit for browsers and for programs: the page is opened in a real
//! Chromium, and says what the JSON of the same audit says.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use m2m_migration::audit::AuditReport;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::support::command::run;
use crate::support::fixtures::{self, project};
use crate::support::install::Install;
use crate::support::services::variable;

/// When this variable is set, the schema is written anew first.
const COMPLETE: &str = "M2M_SCHEMA_COMPLETE";
/// What nobody should name anything, and some do.
const HOSTILE: &str =
    "</td></title></style><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{1b}[31m&amp;\"'";

/// The elements that a page is made of.
const ELEMENTS: &str = "a bdi body caption circle code data dd details div dl dt figcaption figure h1 h2 h3 h4 head \
                        header html li line link main meta p path pattern pre rect section span strong style summary \
                        svg symbol table tbody td text tfoot th thead title tr ul use";

/// An audit: its JSON, and what a browser saw of its page.
struct Seen {
    report: Value,
    page: Value,
}

/// What `look_at_page.mjs` says.
fn look(args: &[&str]) -> Value {
    // Asked for here, so that a missing browser is told in the words of the other services.
    for name in ["M2M_TEST_CHROMIUM", "M2M_TEST_BROWSER_MODULES"] {
        variable(name);
    }
    let mut command = Command::new("node");
    let output = command.arg(project().join("tests/tools/look_at_page.mjs")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes the audit of an installation in both formats.
fn audit(install: &Path, folder: &Path) -> (String, String) {
    let write = |format: &str| {
        let file = folder.join(format!("audit.{format}")).to_str().unwrap().to_owned();
        let args = ["audit", "--install", install.to_str().unwrap(), "--format", format, "-o", &file];
        let run = run(&args);
        assert!([0, 3].contains(&run.code), "{}", run.observation(&[]));
        file
    };
    (write("json"), write("html"))
}

fn see(install: &Path) -> Seen {
    let folder = tempfile::tempdir().unwrap();
    let (report, page) = audit(install, folder.path());
    let report = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    Seen { report, page: look(&[&page]) }
}

/// The audit of the fixture that has most to be found.
fn fixture() -> &'static Seen {
    static SEEN: OnceLock<Seen> = OnceLock::new();
    SEEN.get_or_init(|| see(&fixtures::install("install-1.1.1")))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

fn words(value: &Value, name: &str) -> Vec<String> {
    list(value, name).iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// The checks of a report with an outcome.
fn checks<'a>(report: &'a Value, outcome: &str) -> Vec<&'a Value> {
    list(report, "checks").iter().filter(|check| check["outcome"] == outcome).collect()
}

/// Fails unless the page is one file that does nothing by itself, and all can be seen and used.
#[track_caller]
fn is_sound(page: &Value) {
    assert_eq!(words(page, "requests"), [page["url"].as_str().unwrap()], "nothing but the file is asked for");
    assert_eq!(page["complaintsBeforeScript"], 0, "{:?}", words(page, "complaints"));
    assert_eq!(page["dialogs"], 0);
    assert_eq!(page["scriptRan"], false, "the policy of the page stops scripts");
    assert_eq!(list(page, "handlers").len(), 0, "{:?}", page["handlers"]);
    let elements: Vec<&str> = ELEMENTS.split_whitespace().collect();
    let tags = words(page, "tags");
    assert!(tags.iter().all(|tag| elements.contains(&tag.as_str())), "{tags:?}");
    assert_eq!(page["language"], "en");
    assert_eq!(list(page, "twice").len(), 0, "ids are unique: {:?}", page["twice"]);
    assert_eq!(page["unnamedDrawings"], 0);
    for width in ["phoneOverflow", "phoneOverflowOpen"] {
        assert_eq!(page[width], 0, "{width}: the page is wider than a phone");
    }
    let headings: Vec<i64> = list(page, "headings").iter().map(|level| level.as_i64().unwrap()).collect();
    assert!(headings.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{headings:?}");
    assert_eq!(headings.iter().filter(|level| **level == 1).count(), 1);
    for scheme in ["light", "dark"] {
        let colours = &page["schemes"][scheme];
        assert!(colours["leastContrast"].as_f64().unwrap() >= 4.5, "{scheme}: {colours}");
        for viewport in ["desk", "phone"] {
            assert_eq!(words(colours, viewport), [""; 0], "{scheme}, {viewport}");
        }
    }
    assert_ne!(page["schemes"]["light"]["background"], page["schemes"]["dark"]["background"]);
}

/// Whether a value is what the page shows of it: numbers with a fraction have few digits there.
fn is_shown(value: &Value, shown: &Value) -> bool {
    let shown = shown.as_str().unwrap();
    match value {
        Value::Null => shown == "NULL",
        Value::String(text) => shown == text,
        Value::Number(number) if number.is_f64() => {
            let (exact, shown) = (number.as_f64().unwrap(), shown.replace(',', "").parse::<f64>().unwrap());
            (exact - shown).abs() <= exact.abs() * 0.01
        }
        other => shown.parse::<Value>().is_ok_and(|shown| shown == *other),
    }
}

#[test]
fn the_page_of_a_fixture_is_sound_in_a_browser() {
    is_sound(&fixture().page);
}

#[test]
fn the_page_says_what_the_json_says() {
    let Seen { report, page } = fixture();
    let verdict = match report["verdict"].as_str().unwrap() {
        "ready" => ("Ready to migrate", "#passed-icon"),
        "ready_with_warnings" => ("Ready to migrate, with warnings", "#warning-icon"),
        _ => ("Not ready to migrate", "#error-icon"),
    };
    assert_eq!((page["verdict"].as_str().unwrap(), page["verdictIcon"].as_str().unwrap()), verdict);
    assert_eq!(page["isVerdictInView"], true);
    let totals = &report["totals"];
    for (name, shown) in page["totals"].as_object().unwrap() {
        assert_eq!(shown, &totals[name.to_lowercase().replace(' ', "_")], "{name}");
    }
    assert_eq!(page["totals"].as_object().unwrap().len(), totals.as_object().unwrap().len());
    let collections = list(report, "collections");
    assert!(collections.len() >= 5, "the fixture has collections to show");
    let shown = list(page, "collections");
    assert_eq!(shown.len(), collections.len());
    for (row, collection) in shown.iter().zip(collections) {
        assert_eq!([&row[0], &row[1]], [&collection["name"], &collection["metric"]]);
        let live = row[5].as_str().unwrap().replace(',', "");
        assert_eq!(live, collection["live_rows"].to_string(), "{row}");
    }
    let passed: Vec<&Value> = checks(report, "passed").iter().map(|check| &check["title"]).collect();
    assert_eq!(list(page, "passed").iter().collect::<Vec<_>>(), passed);
    assert!(page["drawings"].as_u64().unwrap() > collections.len() as u64, "bars and histograms are drawn");
    assert_eq!(page["linkOpensCollection"], true);
}

#[test]
fn each_finding_opens_by_keyboard_to_its_rows_and_its_sql() {
    let Seen { report, page } = fixture();
    assert_eq!(page["closedRowsShown"], 0, "findings are closed at first");
    let (found, shown) = (checks(report, "found"), list(page, "findings"));
    assert!(found.len() >= 3, "the fixture has findings: {found:?}");
    assert_eq!(shown.len(), found.len());
    for (seen, check) in shown.iter().zip(found) {
        let id = &check["id"];
        assert_eq!(
            [&seen["id"], &seen["severity"], &seen["title"]],
            [id, &check["severity"], &check["title"]]
        );
        for part in ["isTitleShown", "isTableShown", "isSqlShown"] {
            assert_eq!(seen[part], true, "{id}: {part}");
        }
        assert_eq!([&seen["columns"], &seen["sql"]], [&check["columns"], &check["sql"]], "{id}");
        let (rows, shown) = (list(check, "rows"), list(seen, "rows"));
        assert_eq!(shown.len(), rows.len(), "{id}");
        for (row, shown) in rows.iter().zip(shown) {
            let (row, shown) = (row.as_array().unwrap(), shown.as_array().unwrap());
            assert_eq!(shown.len(), row.len(), "{id}");
            let differs = row.iter().zip(shown).find(|(value, shown)| !is_shown(value, shown));
            assert_eq!(differs, None, "{id}");
        }
        let count = check["findings"].as_u64().unwrap();
        assert!(
            seen["found"].as_str().unwrap().replace(',', "").starts_with(&format!("{count} finding")),
            "{seen}"
        );
    }
}

#[test]
fn paper_shows_the_rows_of_what_is_closed() {
    let print = &fixture().page["print"];
    assert!(print["findings"].as_u64().unwrap() >= 3, "{print}");
    assert_eq!(print["tables"], print["findings"], "{print}");
    assert_eq!(print["overflow"], 0, "the page is wider than paper");
    assert_eq!(print["background"], "rgb(255, 255, 255)", "paper is white for those who like it dark, too");
    assert!(print["bytes"].as_u64().unwrap() > 10_000, "{print}");
}

#[test]
fn hostile_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{HOSTILE}{}", "w".repeat(255 - HOSTILE.len()));
    let mut install = Install::new(folder.path());
    install.collection("one", 4).segment("1", &[1, 2, 1], &[0.5; 12], &[]);
    install.partition(HOSTILE).segment("2", &[1], &[f32::NAN; 4], &[]);
    install.partition(&long).segment("3", &[5], &[0.0; 4], &[]);
    install.finish();
    let seen = see(folder.path());
    is_sound(&seen.page);
    let text = serde_json::to_string(&seen.page["findings"]).unwrap();
    assert!(text.contains("<script>alert(1)</script>"), "the names are shown: {text}");
    assert!(text.contains(r"\\u{202e}\\u{1b}[31m"), "what cannot be seen is spelled out: {text}");
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn the_page_of_a_large_installation_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let mut install = Install::new(folder.path());
    let mut segment = 0_i64;
    for collection in 0..300 {
        install.collection(&format!("collection_{collection}"), 8);
        for _ in 0..if collection < 100 { 4 } else { 3 } {
            segment += 1;
            let ids: Vec<i64> = (0..20).map(|row| segment * 100 + row).collect();
            let vectors: Vec<f32> = (0..160).map(|at| (at * segment % 97) as f32 / 10.0).collect();
            install.segment(&segment.to_string(), &ids, &vectors, &[1, 3]);
        }
    }
    install.finish();
    assert_eq!(segment, 1000);
    let out = tempfile::tempdir().unwrap();
    let (report, page) = audit(folder.path(), out.path());
    let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(
        [&report["totals"]["segments"], &report["totals"]["collections"]],
        [&json!(1000), &json!(300)]
    );
    let bytes = fs::metadata(&page).unwrap().len();
    assert!(bytes < 2_000_000, "{bytes} bytes");
    let seen = look(&["--size", &page]);
    assert_eq!([list(&seen, "complaints").len(), list(&seen, "requests").len()], [0, 1], "{seen}");
    assert_eq!(seen["phoneOverflow"], 0);
    println!("{bytes} bytes of 1,000 segments, opened after {} ms", seen["milliseconds"]["load"]);
}

#[test]
fn the_browser_sees_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("bad.html");
    let bad = "<!DOCTYPE html><html><head><title>bad</title><style>@font-face { font-family: f; src: url(missing.woff); } \
               p { font-family: f; color: #ccc; background: #fff; width: 900px; }</style></head><body onload='1'>\
               <section class=verdict><h2>Bad</h2></section><p>pale<script>console.error('said')</script>\
               <script>throw new Error('thrown')</script><svg></svg><b id=a></b><b id=a></b></body></html>";
    fs::write(&page, bad).unwrap();
    let seen = look(&[page.to_str().unwrap()]);
    let complaints = words(&seen, "complaints").join("\n");
    assert!(complaints.contains("said") && complaints.contains("thrown"), "{complaints}");
    assert!(words(&seen, "requests").iter().any(|url| url.ends_with("missing.woff")), "{seen}");
    assert_eq!([&seen["scriptRan"], &seen["unnamedDrawings"]], [&json!(true), &json!(1)]);
    assert_eq!([words(&seen, "handlers"), words(&seen, "twice")], [["onload"], ["a"]]);
    assert!(seen["phoneOverflow"].as_i64().unwrap() > 500, "{seen}");
    assert!(words(&seen, "tags").contains(&"script".into()));
    let light = &seen["schemes"]["light"];
    assert!(light["leastContrast"].as_f64().unwrap() < 2.0, "{light}");
    let violations = words(light, "desk").join("\n");
    for rule in ["color-contrast", "html-has-lang"] {
        assert!(violations.contains(rule), "{violations}");
    }
}

/// The schema of a report as the code has it.
fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<AuditReport>();
    schema.insert("$id".into(), "urn:m2m:audit-report:1".into());
    schema.insert("title".into(), "Report of m2m audit".into());
    schema.insert("description".into(), "What `m2m audit --format json` writes.".into());
    serde_json::to_string_pretty(&schema).unwrap() + "\n"
}

#[test]
fn the_schema_is_that_of_the_report() {
    let file = project().join("sql/audit/report.schema.json");
    if std::env::var_os(COMPLETE).is_some() {
        fs::write(&file, schema()).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written == schema(),
        "{} is of another report: set {COMPLETE}=1 and run this test again",
        file.display()
    );
}

#[test]
fn reports_are_as_their_schema_says() {
    let schema = project().join("sql/audit/report.schema.json");
    let schema = schema.to_str().unwrap();
    for install in fixtures::INSTALLS {
        let folder = tempfile::tempdir().unwrap();
        let (file, _) = audit(&fixtures::install(install), folder.path());
        assert_eq!(words(&look(&["--schema", schema, &file]), "errors"), [""; 0], "{install}");
        let mut report: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        report["verdict"] = json!("perhaps");
        report["totals"]["live_rows"] = json!(-1);
        report.as_object_mut().unwrap().remove("checks").unwrap();
        fs::write(&file, report.to_string()).unwrap();
        let errors = words(&look(&["--schema", schema, &file]), "errors").join("\n");
        for part in ["/verdict", "/totals/live_rows", "'checks'"] {
            assert!(errors.contains(part), "{errors}");
        }
    }
}
