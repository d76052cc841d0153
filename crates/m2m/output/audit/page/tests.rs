// SPDX-License-Identifier: Apache-2.0
//! Pages of reports that were made by hand.

use m2m_migration::audit::{
    AuditReport, AuditedCollection, AuditedPartition, AuditedSource, AuditedTarget, Bin, CheckReport, Norms,
    Outcome, REPORT_FORMAT, Severity, Totals, Verdict,
};
use serde_json::{Value, json};

use super::page;

/// What nobody should name anything, and some do.
const HOSTILE: &str = "</code></pre></title></style><script>alert(1)</script>\" onload='x' {{ a }} &amp; \u{202e}dcb\u{2066}\u{0}\u{1b}[31m\u{200b}é";

fn empty() -> AuditReport {
    AuditReport {
        format: REPORT_FORMAT,
        m2m_version: "0.1.0".into(),
        made_at: "2026-01-02T03:04:05Z".into(),
        verdict: Verdict::Ready,
        denied: None,
        is_quick: false,
        source: AuditedSource { metadata: "/var/lib/milvus/db".into(), tables: vec![], wal: None },
        only: vec![],
        target: AuditedTarget { milvus: "2.3.5".into(), is_assumed: true },
        totals: Totals::default(),
        collections: vec![],
        checks: vec![],
        seconds: 0.0,
    }
}

fn check(id: &str, severity: Severity, outcome: Outcome) -> CheckReport {
    CheckReport {
        id: id.into(),
        severity,
        title: format!("Title of {id}."),
        explanation: "Because.".into(),
        remedy: "Mend it.".into(),
        sql: format!("-- Title.\nSELECT 1 AS {id}"),
        is_own: false,
        outcome,
        is_allowed: false,
        findings: 0,
        columns: vec![],
        rows: vec![],
        problem: None,
    }
}

fn found(id: &str, severity: Severity, findings: u64, rows: Vec<Vec<Value>>) -> CheckReport {
    let columns = vec!["collection".into(), "rows".into(), "message".into()];
    CheckReport { findings, rows, columns, ..check(id, severity, Outcome::Found) }
}

fn partition(tag: &str, target_name: &str, live_rows: u64) -> AuditedPartition {
    AuditedPartition {
        tag: tag.into(),
        target_name: target_name.into(),
        segments: 2,
        live_rows,
        deleted_rows: 1,
        live_bytes: live_rows * 520,
    }
}

fn collection(name: &str, live_rows: u64) -> AuditedCollection {
    AuditedCollection {
        name: name.into(),
        vectors: "float".into(),
        metric: "L2".into(),
        dimension: 128,
        index: "IVF_FLAT".into(),
        segments: 2,
        unreadable_segments: 0,
        live_rows,
        deleted_rows: 1,
        live_bytes: live_rows * 520,
        deleted_bytes: 520,
        orphan_bytes: Some(0),
        partitions: vec![partition("_default", "_default", live_rows)],
        norms: None,
        segment_rows: vec![],
    }
}

fn bins(count: u32) -> Vec<Bin> {
    (1..=count)
        .map(|at| Bin { from: f64::from(at), to: f64::from(at + 1), count: u64::from(at) * 1000 })
        .collect()
}

/// Every text that a report has is hostile.
fn hostile() -> AuditReport {
    let mut one = collection(HOSTILE, 7);
    one.metric = HOSTILE.into();
    one.index = HOSTILE.into();
    one.vectors = HOSTILE.into();
    one.partitions = vec![partition(HOSTILE, HOSTILE, 7), partition(HOSTILE, "other", 7)];
    let mut report = empty();
    report.m2m_version = HOSTILE.into();
    report.target.milvus = HOSTILE.into();
    report.made_at = HOSTILE.into();
    report.only = vec![HOSTILE.into()];
    report.source =
        AuditedSource { metadata: HOSTILE.into(), tables: vec![HOSTILE.into()], wal: Some(HOSTILE.into()) };
    report.collections = vec![one];
    for outcome in [Outcome::Passed, Outcome::Found, Outcome::NotRun, Outcome::Failed] {
        let text = || HOSTILE.to_owned();
        report.checks.push(CheckReport {
            id: text(),
            title: text(),
            explanation: text(),
            remedy: text(),
            sql: text(),
            is_allowed: true,
            findings: 2,
            columns: vec![text(), text()],
            rows: vec![vec![json!(HOSTILE), json!([HOSTILE])], vec![json!({ HOSTILE: HOSTILE })]],
            problem: Some(text()),
            ..check("x", Severity::Error, outcome)
        });
    }
    report
}

/// As large as an installation may be, with everything that can be wrong.
fn large() -> AuditReport {
    let mut report = empty();
    report.verdict = Verdict::NotReady;
    report.totals.collections = 300;
    report.collections = (0..300_u32)
        .map(|at| {
            let name = format!("{at:0>255}");
            let norms = Norms { min: 1.0, mean: 12.5, max: 25.0, unit_share: 0.1, bins: bins(200) };
            let partitions = 0..if at == 7 { 4096 } else { 20 };
            AuditedCollection {
                norms: Some(norms),
                segment_rows: bins(200),
                partitions: partitions.map(|tag| partition(&format!("tag {tag}"), "tag", 9)).collect(),
                ..collection(&name, u64::from(at) * 1000)
            }
        })
        .collect();
    let message = "a message of a length that is common among messages, and names a file ".repeat(3);
    let row = |at: u64| vec![json!("a_collection"), json!(at), json!(message)];
    for at in 0..40 {
        let rows = (0..100).map(row).collect();
        report.checks.push(found(&format!("check_{at}"), Severity::Error, 1_000_000, rows));
    }
    report
}

#[test]
fn nothing_of_an_installation_is_markup() {
    let page = page(&hostile()).unwrap();
    for mark in ["<script", "onload='", "\" onload", "&amp;amp", "\u{202e}", "\u{2066}", "\u{0}", "\u{1b}"] {
        assert!(!page.contains(mark), "{mark:?}");
    }
    for once in ["</style>", "</title>\n<style>", "</head>", "</body>"] {
        assert_eq!(page.matches(once).count(), 1, "{once}");
    }
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"));
    assert!(page.contains(r"\u{202e}dcb\u{2066}\u{0}\u{1b}[31m\u{200b}é"));
    let text = page.matches("\\u{202e}dcb").count();
    assert!(text > 30, "only {text} of the texts are shown");
}

#[test]
fn no_template_trusts_what_it_shows() {
    let templates = [
        include_str!("page.html"),
        include_str!("parts.html"),
        include_str!("charts.html"),
        include_str!("collections.html"),
        include_str!("symbols.html"),
        include_str!("page.css"),
    ];
    for template in templates {
        for word in ["|safe", "| safe", "<script", "javascript:", "http:", "https:", "@import", "url(\""] {
            assert!(!template.contains(word), "`{word}` in\n{template}");
        }
    }
}

#[test]
fn a_page_of_nothing_is_a_page() {
    let page = page(&empty()).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"), "{page}");
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; img-src data:"));
    assert!(page.contains("<span>Ready to migrate</span>"));
    assert!(page.contains("No check found anything."));
    assert!(page.contains("No collection was audited."));
    assert!(page.contains("assumed because no server was named"));
    assert!(page.contains("<span class=\"muted\">not looked for</span>"));
    for word in ["NaN", "inf\"", "Checks that passed", "could not be run"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn what_became_of_each_check_is_told() {
    let mut report = empty();
    report.verdict = Verdict::ReadyWithWarnings;
    report.is_quick = true;
    let rows = vec![
        vec![json!("a"), json!(12_345), json!("message & more")],
        vec![Value::Null, json!(0.000_123_456_789)],
    ];
    report.checks = vec![
        CheckReport { is_allowed: true, ..found("lost", Severity::Error, 2, rows.clone()) },
        found("bent", Severity::Warning, 12_345, rows),
        CheckReport {
            problem: Some("no such table".into()),
            ..check("broken", Severity::Error, Outcome::Failed)
        },
        check("slow", Severity::Note, Outcome::NotRun),
        check("fine", Severity::Note, Outcome::Passed),
    ];
    let page = page(&report).unwrap();
    for text in [
        "<span>Ready to migrate, with warnings</span>",
        "1 check could not be run",
        "This was a quick audit",
        "<a href=\"#errors\">0 errors</a>",
        "<a href=\"#warnings\">12,345 warnings</a>",
        "<code>--allow lost</code>: it has no part in the verdict",
        "<caption>2 findings</caption>",
        "<caption>first 2 of 12,345</caption>",
        "<td class=\"number\"><bdi>12345</bdi></td>",
        "<bdi>message &#38; more</bdi>",
        "<bdi>0.0001235</bdi>",
        "<td class=\"null\"><bdi>NULL</bdi></td>",
        "no such table",
        "SELECT 1 AS slow",
        "SELECT 1 AS fine",
    ] {
        assert!(page.contains(text), "{text} in\n{page}");
    }
    assert!(!page.contains("id=\"notes\""), "a severity without findings has no heading");
}

#[test]
fn a_collection_shows_partitions_and_drawings() {
    let mut report = empty();
    let mut one = collection("one", 1234);
    one.partitions.push(partition("é à", "e_a_1", 34));
    one.unreadable_segments = 1;
    one.norms = Some(Norms {
        min: 1.0,
        mean: 1.0,
        max: 1.0,
        unit_share: 1.0,
        bins: vec![Bin { from: 1.0, to: 1.0, count: 9 }],
    });
    one.segment_rows = bins(3);
    let binary = AuditedCollection {
        vectors: "binary".into(),
        live_bytes: 0,
        deleted_bytes: 0,
        orphan_bytes: None,
        ..collection("two", 0)
    };
    report.collections = vec![one, binary];
    let page = page(&report).unwrap();
    for text in [
        "<caption>2 collections</caption>",
        "1 unreadable",
        "1,234 live rows",
        "<td class=\"number\">128 bits</td>",
        "<span class=\"muted\">the same</span>",
        "<bdi>é à</bdi>",
        "<bdi>e_a_1</bdi>",
        "Lengths of the vectors: 1 to 1, 1 on average; 100.0 % have length 1",
        "<title>1: 9 vectors</title>",
        "Sizes of 6,000 segments",
        "626.64 KiB live, 520 B deleted, 0 B orphan",
        "0 B live, 0 B deleted, orphan bytes not looked for",
        "Binary vectors have no length.",
    ] {
        assert!(page.contains(text), "{text} in\n{page}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}

#[test]
fn a_page_of_very_much_is_small_and_says_what_it_leaves_out() {
    let report = large();
    let page = page(&report).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("The largest 200 of 300 collections; the last row is the sum of the others"));
    assert!(page.contains("and 100 smaller"));
    assert!(page.contains("first 100 of 1,000,000"));
    assert!(page.contains("The rows are left out"), "rows end somewhere, and that is said");
    let names = report.collections.iter().filter(|one| page.contains(&one.name)).count();
    assert_eq!(names, 200);
}

#[test]
fn very_many_partitions_are_summed_up() {
    let mut report = empty();
    let tags = (0..4096_u64).map(|at| partition(&format!("tag {at}"), "tag", at));
    report.collections = vec![AuditedCollection { partitions: tags.collect(), ..collection("one", 1) }];
    let page = page(&report).unwrap();
    assert!(page.contains("<caption>4,096 partitions</caption>"));
    assert!(page.contains("and 3,996 more"));
    let others: u64 = (100..4096).sum();
    assert!(page.contains(&indicatif::HumanCount(others).to_string()), "the sum of the others is shown");
    assert!(page.contains("<bdi>tag 99</bdi>") && !page.contains("<bdi>tag 100</bdi>"));
}

#[test]
fn a_long_value_is_cut() {
    let mut report = empty();
    let long = "ü".repeat(5000);
    report.checks = vec![found("long", Severity::Note, 1, vec![vec![json!(long)]])];
    let page = page(&report).unwrap();
    assert!(page.contains(&format!("<bdi>{}…</bdi>", "ü".repeat(1000))));
}

#[test]
fn the_banner_says_why_it_is_not_ready() {
    let not_ready = |checks: Vec<CheckReport>, denied| {
        page(&AuditReport { verdict: Verdict::NotReady, denied, checks, ..empty() }).unwrap()
    };
    let warning = || check("w", Severity::Warning, Outcome::Found);
    let lost = not_ready(vec![check("e", Severity::Error, Outcome::Found), warning()], None);
    assert!(lost.contains("Something would be lost"), "{lost}");
    let unknown = not_ready(vec![check("n", Severity::Note, Outcome::Failed)], None);
    assert!(unknown.contains("Some checks could not be run"), "{unknown}");
    let denied = not_ready(vec![warning()], Some(Severity::Warning));
    assert!(denied.contains("that was not to be accepted") && denied.contains("each warning or worse"));
}
