// SPDX-License-Identifier: Apache-2.0
//! The shell in a real terminal: `tmux` types and looks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::fixtures;

/// What is shown when the shell waits; an empty line's end is not.
const PROMPT: &str = "\nm2m>";
/// How long an answer may take: the machine may have other things to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with a home folder of its own.
pub(crate) struct Terminal {
    pub(crate) home: TempDir,
}

impl Terminal {
    /// A shell over the fixture, with a script around it that outlives Ctrl-C and tells how it ended.
    fn open(home: TempDir, args: &str) -> Self {
        let install = fixtures::install("install-1.1.1");
        let script = format!(
            "trap : INT; cd '{home}'; '{m2m}' sql --install '{}' {args}; echo \"ended with $?\"; cat",
            install.display(),
            home = home.path().display(),
            m2m = env!("CARGO_BIN_EXE_m2m"),
        );
        Self::run(home, &script)
    }

    /// What a script of `sh` shows.
    pub(crate) fn run(home: TempDir, script: &str) -> Self {
        let terminal = Self { home };
        // Nothing of whoever runs the tests but where programs are.
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        let home = format!("HOME={}", terminal.home.path().display());
        let shell = ["env", "-i", &path, &home, "TERM=screen", "LANG=C.UTF-8", "sh", "-c", script];
        let size = ["-x", "100", "-y", "50"];
        let session = ["-f", "/dev/null", "new-session", "-d", "-s", "m2m"];
        terminal.tmux(&[&session[..], &size, &shell].concat());
        terminal
    }

    fn new() -> Self {
        Self::open(tempfile::tempdir().unwrap(), "")
    }

    fn tmux(&self, args: &[&str]) -> String {
        let socket = self.home.path().join("tmux");
        // It must not take over a session that it is run in.
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(socket).args(args).env_remove("TMUX");
        let output = command.output().expect("tmux is installed");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses a key by its name.
    fn press(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "m2m", key]);
    }

    fn type_text(&self, text: &str) {
        // A semicolon at the end would end tmux's command.
        let text = text.strip_suffix(';').map_or_else(|| text.to_owned(), |text| format!("{text}\\;"));
        self.tmux(&["send-keys", "-t", "m2m", "-l", &text]);
    }

    pub(crate) fn enter(&self, line: &str) {
        self.type_text(line);
        self.press("Enter");
    }

    /// Enters a line, and waits until the next one is asked for. Keys that come
    /// while the shell works are no part of these tests.
    #[track_caller]
    fn ask(&self, line: &str) {
        let prompts = |screen: &str| screen.lines().filter(|line| line.starts_with("m2m>")).count();
        let before = prompts(&self.screen());
        self.enter(line);
        self.until(|screen| {
            let is_waiting = screen.trim_end().lines().last() == Some("m2m>") && prompts(screen) > before;
            if is_waiting { Ok(()) } else { Err(format!("no prompt comes after `{line}`")) }
        });
    }

    /// All that was shown, from the beginning.
    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-", "-t", "m2m"])
    }

    /// Waits until all of these are shown, in this order.
    #[track_caller]
    fn shows(&self, marks: &[&str]) {
        self.until(|screen| {
            let mut rest = screen;
            for mark in marks {
                (_, rest) = rest.split_once(mark).ok_or_else(|| format!("`{mark}` is not shown"))?;
            }
            Ok(())
        });
    }

    /// Looks until it finds what it looks for.
    #[track_caller]
    pub(crate) fn until(&self, is_found: impl Fn(&str) -> Result<(), String>) {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            let Err(missing) = is_found(&screen) else { return };
            assert!(begun.elapsed() < PATIENCE, "{missing}:\n{}", screen.trim_end());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = self.home.path().join("tmux");
        drop(Command::new("tmux").arg("-S").arg(socket).arg("kill-server").status());
    }
}

#[test]
fn a_newcomer_finds_the_way() {
    let terminal = Terminal::new();
    terminal.shows(&["13 collections in", "`\\?` is for help", PROMPT]);
    terminal.ask("help");
    terminal.shows(&["\\timing [on|off]"]);
    terminal.ask("\\dt *_parts");
    terminal.shows(&["| collections | ip_parts | collection | IP, 16 dimensions, 7 partitions |"]);
    terminal.ask("\\d ip_parts");
    terminal.shows(&["| p2019          | 2        | 398       |", "| partition_tag"]);
    terminal.enter("SELECT partition_tag, count(*)");
    terminal.shows(&["-- a statement ends with `;`"]);
    terminal.enter("FROM ip_parts WHERE partition_tag LIKE 'a%'");
    terminal.ask("GROUP BY 1 ORDER BY 1;");
    terminal.shows(&["| a-b           | 3        |\n| a_b           | 4        |", "2 rows"]);
    terminal.ask("select * from flaot_l2;");
    terminal.shows(&["error: there is no table `flaot_l2`", "`float_l2`"]);
    terminal.ask("\\fromat csv");
    terminal.shows(&["there is no such command; the nearest is `\\format`"]);
    terminal.ask("\\format csv");
    terminal.ask("\\timing");
    terminal.ask("select 6 * 7 as answer;");
    terminal.shows(&["format is csv", "timing is on", "\nanswer\n42\n", "1 row"]);
    terminal.enter("\\q");
    terminal.shows(&["ended with 0"]);
}

#[test]
fn names_are_completed_by_tab() {
    let terminal = Terminal::new();
    terminal.shows(&[PROMPT]);
    terminal.type_text("select part");
    terminal.press("Tab");
    terminal.shows(&["m2m> select partition"]);
    terminal.type_text("_");
    terminal.press("Tab");
    terminal.shows(&["m2m> select partition_tag"]);
    terminal.type_text(", count(*) as n from ip_p");
    terminal.press("Tab");
    terminal.shows(&["from ip_parts"]);
    terminal.type_text(" gro");
    terminal.press("Tab");
    terminal.shows(&["from ip_parts group"]);
    terminal.ask(" by 1 having count(*) = 398;");
    terminal.shows(&["| p2019         | 398 |", "1 row"]);
    terminal.type_text("\\d meta.env");
    terminal.press("Tab");
    terminal.press("Enter");
    terminal.shows(&["\\d meta.environment", "| global_lsn", PROMPT]);
}

#[test]
fn control_c_stops_a_statement_and_drops_what_is_typed() {
    let terminal = Terminal::new();
    terminal.shows(&[PROMPT]);
    terminal.enter("select sum(value) from generate_series(1, 1000000000000);");
    terminal.shows(&["1000000000000);"]);
    std::thread::sleep(Duration::from_secs(1));
    terminal.press("C-c");
    terminal.shows(&["cancelled", PROMPT]);
    terminal.enter("select 'never");
    terminal.type_text("ended");
    terminal.press("C-c");
    terminal.shows(&["cancelled", "m2m> select 'never\nended", PROMPT]);
    terminal.ask("select 6 * 7 as answer;");
    terminal.shows(&["m2m> select 6", "| 42     |"]);
    terminal.press("C-d");
    terminal.shows(&["ended with 0"]);
}

#[test]
fn a_pasted_script_is_run_as_it_is() {
    let terminal = Terminal::new();
    terminal.shows(&[PROMPT]);
    let file = |name| terminal.home.path().join(name);
    let text = "SELECT 10 AS ten;\n\\x on\nSELECT\n\t20 AS twenty; -- a tab is no Tab\n\\x off";
    fs::write(file("script.sql"), text).unwrap();
    terminal.tmux(&["load-buffer", file("script.sql").to_str().unwrap()]);
    terminal.tmux(&["paste-buffer", "-p", "-t", "m2m"]);
    terminal.ask("");
    terminal.shows(&["| 10  |", "vertical output is on", "twenty | 20", "vertical output is off"]);
    terminal.ask("\\o rows.csv");
    terminal.ask("SELECT 30 AS thirty;");
    terminal.ask("\\o");
    assert_eq!(fs::read_to_string(file("rows.csv")).unwrap(), "thirty\n30\n");
    terminal.ask("\\i script.sql");
    terminal.shows(&["rows go to `rows.csv`", "rows go to standard output", "\\i script.sql", "twenty | 20"]);
}

#[test]
fn the_history_outlives_the_shell_and_holds_no_secrets() {
    let home = tempfile::tempdir().unwrap();
    let rc = "\\format csv\nSELECT 'from the rc file' AS said;\nSELECT nothing;\n";
    fs::write(home.path().join(".m2mrc"), rc).unwrap();
    let terminal = Terminal::open(home, "");
    terminal.shows(&["\nfrom the rc file\n", "error: there is no column `nothing`", "line 3", PROMPT]);
    terminal.ask("SET my.secret = 'x';");
    terminal.shows(&["not kept in the history"]);
    terminal.enter("SELECT 6 * 7");
    terminal.ask("AS answer;");
    terminal.shows(&["\nanswer\n42\n"]);
    terminal.enter("exit");
    terminal.shows(&["ended with 0"]);

    let file = terminal.home.path().join(".m2m_history");
    let history = fs::read_to_string(&file).unwrap();
    assert_eq!(history, "#V2\nSELECT 6 * 7\\nAS answer;\nexit\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn earlier_statements_come_back_by_up() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join(".m2m_history"), "#V2\nSELECT 6 * 7\\nAS answer;\n").unwrap();
    let terminal = Terminal::open(home, "");
    terminal.shows(&[PROMPT]);
    terminal.press("Up");
    terminal.shows(&["m2m> SELECT 6 * 7\nAS answer;"]);
    terminal.press("Enter");
    terminal.shows(&["| 42     |", PROMPT]);
}

#[test]
fn rows_go_where_standard_output_goes_and_nothing_else_does() {
    let terminal = Terminal::open(tempfile::tempdir().unwrap(), "--format csv > rows.csv");
    terminal.shows(&["13 collections in", PROMPT]);
    terminal.ask("SELECT 6 * 7 AS answer;");
    terminal.ask("\\format");
    terminal.shows(&["format is csv; there are table, csv"]);
    terminal.enter("\\q");
    terminal.shows(&["ended with 0"]);
    assert_eq!(fs::read_to_string(terminal.home.path().join("rows.csv")).unwrap(), "answer\n42\n");
}
