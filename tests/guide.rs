// SPDX-License-Identifier: Apache-2.0
//! The guide to SQL says what is true: its screens are what a terminal shows,
//! its examples run, and its links lead somewhere.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::Terminal;
use crate::support::services::{self, unique};
use crate::support::{command, fixtures};

/// When this variable is set, screens that differ are replaced by all that is shown today.
const COMPLETE: &str = "M2M_GUIDE_COMPLETE";
/// Stands for any lines of a screen.
const LEFT_OUT: &str = "…";
/// What the home folder is called in the guide.
const HOME: &str = "/home/ada";
/// The bucket of the examples.
const BUCKET: &str = "s3://my-bucket";

/// A block of code.
struct Block<'a> {
    /// What stands behind the three backticks.
    kind: &'a str,
    text: &'a str,
    /// Where the text is in the guide.
    at: Range<usize>,
}

fn file() -> PathBuf {
    fixtures::project().join("sql/README.md")
}

fn blocks(guide: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, usize)> = None;
    let mut start = 0;
    for line in guide.split_inclusive('\n') {
        let end = start + line.len();
        if let Some(kind) = line.trim_end().strip_prefix("```") {
            match open.take() {
                None => open = Some((kind, end)),
                Some((kind, from)) => blocks.push(Block { kind, text: &guide[from..start], at: from..start }),
            }
        }
        start = end;
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// Has one folder with the installation `milvus`.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir_in("/tmp").unwrap();
    let copy = Command::new("cp").arg("-r").arg(fixtures::install("install-1.1.1")).arg(home.path()).status();
    assert!(copy.unwrap().success());
    fs::rename(home.path().join("install-1.1.1"), home.path().join("milvus")).unwrap();
    home
}

/// The folder of `m2m`, and all others where programs are.
fn path() -> String {
    let m2m = Path::new(env!("CARGO_BIN_EXE_m2m")).parent().unwrap();
    format!("{}:{}", m2m.display(), std::env::var("PATH").unwrap())
}

/// What is typed in a screen: each input has one line or, when it is a statement, as many as it takes.
fn inputs(screen: &str) -> Vec<Vec<&str>> {
    let mut inputs = Vec::new();
    let mut lines = screen.lines();
    while let Some(line) = lines.next() {
        let Some(typed) = line.strip_prefix("m2m> ") else {
            inputs.extend(line.strip_prefix("$ ").map(|typed| vec![typed]));
            continue;
        };
        let mut input = vec![typed];
        if !typed.starts_with('\\') {
            while !input.last().unwrap().ends_with(';') {
                input.push(lines.next().expect("a statement ends with a semicolon"));
            }
        }
        inputs.push(input);
    }
    inputs
}

/// The lines with a prompt.
fn prompts(screen: &str) -> Vec<usize> {
    let is_prompt = |line: &str| ["$", "m2m>"].contains(&line.split(' ').next().unwrap_or_default());
    screen.lines().enumerate().filter(|(_, line)| is_prompt(line)).map(|(number, _)| number).collect()
}

/// Types an input, and waits for the next prompt.
#[track_caller]
fn ask(terminal: &Terminal, input: &[&str]) {
    let before = prompts(&terminal.screen()).len();
    input.iter().for_each(|line| terminal.enter(line));
    await_prompt(terminal, before);
}

#[track_caller]
fn await_prompt(terminal: &Terminal, before: usize) {
    terminal.until(|screen| {
        let last = screen.trim_end().lines().last();
        let is_waiting = matches!(last, Some("$" | "m2m>")) && prompts(screen).len() > before;
        if is_waiting { Ok(()) } else { Err("no prompt comes".into()) }
    });
}

/// A line without what differs from run to run.
fn masked(line: &str) -> String {
    if let Some((_, rest)) = line.strip_prefix("time: ").and_then(|time| time.split_once(" s")) {
        return format!("time: {LEFT_OUT} s{rest}");
    }
    match line.split_once(", ") {
        Some((version, rest)) if version.starts_with("m2m ") && rest.contains(" collections in ") => {
            format!("m2m {LEFT_OUT}, {rest}")
        }
        _ => line.to_owned(),
    }
}

/// Whether lines of the guide are those that were seen.
fn is_like(shown: &[String], seen: &[String]) -> bool {
    match shown.split_first() {
        None => seen.is_empty(),
        Some((line, shown)) if line == LEFT_OUT => {
            (0..=seen.len()).any(|left_out| is_like(shown, &seen[left_out..]))
        }
        Some((line, shown)) => {
            seen.split_first().is_some_and(|(first, seen)| first == line && is_like(shown, seen))
        }
    }
}

#[test]
fn screens_are_compared_without_times_and_lines_that_are_left_out() {
    let lines = |text: &str| text.lines().map(masked).collect::<Vec<_>>();
    let is_like = |shown, seen| is_like(&lines(shown), &lines(seen));
    assert!(is_like("time: 0.1 s, 1 row", "time: 12.345 s, 1 row"));
    assert!(!is_like("time: 0.1 s, 1 row", "time: 0.1 s, 2 rows"));
    assert!(is_like("m2m 1.0.0, 3 collections in x", "m2m 1.2.3, 3 collections in x"));
    assert!(is_like("a\n…\nd", "a\nb\nc\nd") && is_like("a\n…", "a") && is_like("…\nb\n…", "a\nb"));
    assert!(!is_like("a\n…\nd", "a\nb") && !is_like("a", "a\nb") && !is_like("a\nb", "a"));
    assert_eq!(inputs("$ a b\nx\nm2m> \\d t\nm2m> select\n1;\n1\nm2m> \\q\n").len(), 4);
}

#[test]
fn screens_are_what_a_terminal_shows() {
    let guide = fs::read_to_string(file()).unwrap();
    let script = format!("cd; PATH='{}' PS1='$ ' exec sh -i", path());
    let terminal = Terminal::run(home(), &script);
    await_prompt(&terminal, 0);
    let (mut complete, mut written) = (String::new(), 0);
    let (mut screens, mut faults) = (0, Vec::new());
    for screen in blocks(&guide).iter().filter(|block| block.kind == "console") {
        let begin = prompts(&terminal.screen()).last().copied().unwrap();
        inputs(screen.text).iter().for_each(|input| ask(&terminal, input));
        let all = terminal.screen().replace(terminal.home.path().to_str().unwrap(), HOME);
        let end = prompts(&all).last().copied().unwrap();
        let seen: Vec<_> = all.lines().skip(begin).take(end - begin).map(str::trim_end).collect();
        let lines = |lines: &mut dyn Iterator<Item = &str>| lines.map(masked).collect::<Vec<_>>();
        screens += 1;
        if !is_like(&lines(&mut screen.text.lines()), &lines(&mut seen.iter().copied())) {
            let line = guide[..screen.at.start].lines().count() + 1;
            faults.push(format!("line {line} of the guide; what is shown:\n{}", seen.join("\n")));
            complete.push_str(&guide[written..screen.at.start]);
            seen.iter().for_each(|line| complete.extend([line, "\n"]));
            written = screen.at.end;
        }
    }
    assert!(screens > 5, "only {screens} screens found");
    if std::env::var_os(COMPLETE).is_some() {
        complete.push_str(&guide[written..]);
        return fs::write(file(), complete).unwrap();
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// What runs an example, if it is one.
fn program(kind: &str) -> Option<Command> {
    let mut program = match kind {
        "sql" => command::m2m(&["sql", "-"]),
        "sh" => Command::new("sh"),
        "python" => Command::new(services::python()),
        _ => return None,
    };
    if kind == "sh" {
        program.args(["-e", "-s"]);
    }
    Some(program)
}

#[test]
fn examples_run() {
    let guide = fs::read_to_string(file()).unwrap();
    let home = home();
    let bucket = format!("s3://{}/guide/{}", services::open().bucket, unique("sql"));
    let mut examples = 0;
    for block in blocks(&guide) {
        let Some(mut program) = program(block.kind) else { continue };
        program.current_dir(home.path()).env("PATH", path()).env("M2M_INSTALL", "milvus");
        // What is said to need no server is not told of one.
        if block.text.contains(BUCKET) {
            program
                .env("M2M_S3_ENDPOINT", services::open().s3_endpoint)
                .env("M2M_S3_ACCESS_KEY", services::s3_access())
                .env("M2M_S3_SECRET_KEY", services::s3_secret());
        }
        if block.text.contains("milvus2x.") {
            program.env("M2M_MILVUS", services::open().milvus);
        }
        let text = block.text.replace(BUCKET, &bucket);
        let streams = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = streams.spawn().unwrap();
        running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "```{}\n{text}```\n{said}", block.kind);
        examples += 1;
    }
    assert!(examples > 10, "only {examples} examples found");
}

#[test]
fn links_lead_somewhere() {
    let guide = fs::read_to_string(file()).unwrap();
    let folder = file().parent().unwrap().to_owned();
    let anchor = |heading: &str| {
        let plain = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = plain.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>()
    };
    let anchors: Vec<_> = guide.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let targets: Vec<_> = guide.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    for target in targets.iter().filter(|target| !target.contains("://")) {
        let is_there = match target.strip_prefix('#') {
            Some(heading) => anchors.iter().any(|anchor| anchor == heading),
            None => folder.join(target.split('#').next().unwrap()).exists(),
        };
        assert!(is_there, "`{target}` leads nowhere");
    }
    assert!(targets.len() > 3, "{targets:?}");
}

#[test]
fn every_shipped_view_is_shown() {
    let guide = fs::read_to_string(file()).unwrap();
    let blocks = blocks(&guide);
    let examples: Vec<_> = blocks.iter().filter(|block| block.kind == "sql").collect();
    for (view, _) in m2m_datasource::inspect::VIEWS {
        let name = format!("inspect.{view}");
        let mut words = examples.iter().flat_map(|block| block.text.split([';', ' ', '\n']));
        assert!(words.any(|word| word == name), "`{name}` has no example");
    }
}
