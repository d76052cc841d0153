// SPDX-License-Identifier: Apache-2.0
//! The keys as pages to read: the values that count, a commented file, and the
//! reference.

use std::fmt::Write;

use m2m_catalog::MySql;

use super::keys::{KEYS, Key, Kind, collection, field};
use super::names::{Owner, Slot};
use super::{Config, Value};
use crate::shell::may_be_kept;

/// Width of a line of the commented file.
const LINE: usize = 96;
/// Stands for a secret.
const HIDDEN: &str = "***";

/// One line of `m2m config show`.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Shown {
    /// The key.
    pub(crate) key: String,
    /// The value as it may be seen.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) origin: String,
}

/// Returns the values that count, in the order of the reference: those that
/// were given, and defaults too when `all` is set.
pub(crate) fn shown(config: &Config, all: bool) -> Vec<Shown> {
    let mut lines = Vec::new();
    for owner in config.owners() {
        for &key in owner.keys() {
            let path = || Slot { owner: owner.clone(), key }.to_string();
            if let Some((value, origin)) = config.get_of(owner, key) {
                lines.push(Shown { key: path(), value: visible(value, key), origin: origin.to_string() });
            } else if all && *owner == Owner::Run && !key.default.is_empty() {
                lines.push(Shown { key: path(), value: key.default.into(), origin: "default".into() });
            }
        }
    }
    lines
}

fn visible(value: &Value, key: &Key) -> String {
    match value {
        Value::Text(sql) if matches!(key.kind, Kind::Sql) => statements(sql),
        Value::Text(text) => without_user(text),
        Value::Secret(address) if matches!(key.kind, Kind::Dsn) => address_without_password(address.expose()),
        Value::Secret(_) => HIDDEN.into(),
        Value::List(list) => list.iter().map(|one| without_user(one)).collect::<Vec<_>>().join(";"),
        Value::Flag(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Cloud(cloud) => cloud.to_string(),
        Value::Unused => "(no effect)".into(),
    }
}

/// Statements in one line; hidden when a secret may be among them.
fn statements(sql: &str) -> String {
    if may_be_kept(sql) { sql.split_whitespace().collect::<Vec<_>>().join(" ") } else { HIDDEN.into() }
}

/// A MySQL address with its password hidden, and a path or a URL as it may be
/// seen; all hidden when it is an address with a mistake in it.
fn address_without_password(text: &str) -> String {
    if !MySql::is_address(text) {
        return without_user(text);
    }
    MySql::parse(text).map_or_else(|_| HIDDEN.into(), |address| address.to_string())
}

/// A path, a URL or an endpoint with what stands before the `@` of its host hidden,
/// and what stands behind the `?` of a URL.
pub(crate) fn without_user(text: &str) -> String {
    let (scheme, rest) =
        text.split_once("://").map_or(("", text), |(_, rest)| text.split_at(text.len() - rest.len()));
    let (rest, query) = match rest.split_once('?') {
        Some((rest, _)) if !scheme.is_empty() => (rest, format!("?{HIDDEN}")),
        _ => (rest, String::new()),
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let user = rest.get(..host_end).and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    // Azure's container stands where other URLs have a user.
    let kept = user.filter(|_| scheme.starts_with("abfs")).and_then(|user| user.split(':').next());
    match user {
        Some(user) if kept == Some(user) => format!("{scheme}{rest}{query}"),
        Some(user) => {
            let behind = rest.get(user.len()..).unwrap_or_default();
            format!("{scheme}{HIDDEN}{behind}{query}")
        }
        None => format!("{scheme}{rest}{query}"),
    }
}

/// Returns a configuration file with every key in a comment.
pub(crate) fn template() -> String {
    let mut page = String::from(
        "# Configuration of m2m. It is read from the file that `-c` names, from ./migration.yaml, or from\n\
         # ./configs/migration.yaml. milvus-migration reads it too, and ignores the block `m2m`.\n\
         # Remove the `#` before a key that you set; `m2m config check` tells what is missing.\n",
    );
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Unused(_))) {
        let mut sections: Vec<&str> = key.path.split('.').collect();
        let name = sections.pop().unwrap_or_default();
        let shared = open.iter().zip(&sections).take_while(|(one, other)| one == other).count();
        if shared == 0 {
            page.push('\n');
        }
        for (depth, section) in sections.iter().enumerate().skip(shared) {
            let _ = writeln!(page, "{}{section}:", "  ".repeat(depth));
        }
        comment(&mut page, key, name, sections.len());
        open = sections;
    }
    collections(&mut page);
    page
}

/// The block of collections, which stands at the end of `m2m`.
fn collections(page: &mut String) {
    const INDENT: &str = "  ";
    let words = format!(
        "{} Keys of a collection: {}. Keys of a column: {}.",
        COLLECTIONS.replace('`', ""),
        names(collection::KEYS),
        names(field::KEYS)
    );
    for line in wrap(&words, LINE - INDENT.len() - 2) {
        let _ = writeln!(page, "{INDENT}# {line}");
    }
    for line in EXAMPLE.lines() {
        let _ = writeln!(page, "{INDENT}#{line}");
    }
}

fn names(keys: &[&Key]) -> String {
    keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ")
}

fn comment(page: &mut String, key: &Key, name: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    let plain = key.doc.replace('`', "");
    let given = if is_value(key) { key.default } else { "" };
    let values = match key.kind {
        Kind::Choice(_) | Kind::Cloud | Kind::Flag => {
            format!(" Values: {}.", key.kind.words().replace('`', ""))
        }
        _ => String::new(),
    };
    let default = if key.default.is_empty() || !given.is_empty() {
        String::new()
    } else {
        format!(" Default: {}.", key.default)
    };
    for line in wrap(&format!("{plain}{values}{default}"), LINE - indent.len() - 2) {
        let _ = writeln!(page, "{indent}# {line}");
    }
    let _ = writeln!(page, "{indent}#{}", format!("{name}: {given}").trim_end());
}

/// Whether the default can stand in a file, and does not only describe what counts.
fn is_value(key: &Key) -> bool {
    matches!(Value::parse(key, key.default), Ok(Some(_))) && !key.default.contains(' ')
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().filter(|line| line.len() + word.len() < width || line.is_empty());
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.into()),
        }
    }
    lines
}

/// Returns the reference of all keys, in Markdown.
pub(crate) fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut section = "";
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Unused(_))) {
        let of = key.path.split('.').next().unwrap_or_default();
        if of != section {
            section = of;
            let _ = write!(
                page,
                "\n## `{of}`\n\n| key | values | default | flag, variables | meaning |\n|---|---|---|---|---|\n"
            );
        }
        let mut names: Vec<String> = key.flag.iter().map(|flag| format!("`{flag}`")).collect();
        names.extend(key.variable.iter().map(|name| format!("`{name}`")));
        names.push(format!("`{}`", key.environment()));
        let default = if is_value(key) { format!("`{}`", key.default) } else { key.default.into() };
        let words = key.kind.words();
        let _ =
            writeln!(page, "| `{}` | {words} | {default} | {} | {} |", key.path, names.join(", "), key.doc);
    }
    reference_of_collections(&mut page);
    page.push_str(
        "\n## Without effect\n\nKeys of milvus-migration for other sources are accepted with a warning:\n\n",
    );
    for key in KEYS {
        if let Kind::Unused(why) = key.kind {
            let _ = writeln!(page, "- `{}`: {why}", key.path);
        }
    }
    page
}

fn reference_of_collections(page: &mut String) {
    let _ = write!(page, "\n## `m2m.collections`\n\n{COLLECTIONS}\n");
    for (above, keys) in
        [("Keys of a collection:", collection::KEYS), ("Keys of a column of its rows:", field::KEYS)]
    {
        let _ = write!(page, "\n{above}\n\n| key | values | default | meaning |\n|---|---|---|---|\n");
        for key in keys {
            let _ =
                writeln!(page, "| `{}` | {} | {} | {} |", key.path, key.kind.words(), key.default, key.doc);
        }
    }
    let _ = write!(page, "\n```yaml\nm2m:\n");
    for line in EXAMPLE.lines() {
        let _ = writeln!(page, "  {line}");
    }
    page.push_str("```\n");
}

const COLLECTIONS: &str = "Settings of single collections, by their names. Where nothing is said, what is said of all in `m2m` counts. Names of collections and of columns are told apart by their case. There are no environment variables for these keys; by `--set` they are given as `--set m2m.collections.films.where='id % 2 = 0'`, and a name with dots stands in double quotes then: `m2m.collections.films.fields.\"a.b\".type`.";

/// What may stand below `m2m`.
const EXAMPLE: &str = "\
collections:
  films:                      # half of a collection, under another name
    where: id % 2 = 0 AND partition_tag = 'p2019'
    name: films_2019
    index: auto
  films_with_titles:          # rows of a query, with a field more
    query: |
      CREATE EXTERNAL TABLE titles STORED AS PARQUET LOCATION 'titles.parquet';
      SELECT f.id, f.vector, t.title FROM films f JOIN titles t ON t.film = f.id
    from: films
    format: parquet
    fields:
      title: {name: original_title, type: varchar, maxLength: 200}
";

const INTRODUCTION: &str = "# Configuration

<!-- Written by `m2m config reference`. -->

A `migration.yaml` of milvus-migration works as it is. m2m takes a value from the first of these that has one:

1. a flag;
2. `--set key=value`;
3. an environment variable, the short name first;
4. the file that `-c` names, or `./migration.yaml`, or `./configs/migration.yaml`;
5. the default.

Keys are known in any case, and so are the words among the values; names of collections and columns are not. A key that is not known is an error that names the nearest one. `true`, `t`, `1`, `false`, `f` and `0` are the only booleans: `yes` and `on` are refused. A list stands as a list in the file, as a flag that is given again, or between semicolons. An empty value counts as none; an empty `--set key=` takes the key back, whatever the environment and the file say.

Where two keys say the same thing in different ways (`m2m.install` and `source`, say), the one that stands higher in this list is meant; in one file the block `m2m` is.

`m2m config show` prints the values that count, each with where it comes from; secrets are hidden. `m2m config check` finds mistakes without touching anything. `m2m config init` writes a file with every key in a comment.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Typed;

    #[test]
    fn a_secret_is_never_shown() {
        let pairs = [
            "target.remote.sk=hush-sk",
            "target.remote.ak=hush-ak",
            "target.milvus2x.password=hush-pw",
            "target.milvus2x.token=hush-token",
            "meta.mysqlUrl=reader:hush-my@tcp(host:3306)/milvus",
            "m2m.meta=mysql://reader:hush-meta@host/milvus",
            "target.milvus2x.endpoint=http://root:hush-milvus@host:19530",
            "target.remote.endpoint=root:hush@host:9000",
            "m2m.out=s3://hush:hush@bucket/prefix",
            "m2m.tables=s3://hush:hush@bucket/prefix;/data/a@b;az://c/p?sig=hush;abfss://c:hush@a/p;abfs://c@a/b?;/what?",
        ];
        let set: Vec<String> = pairs.iter().map(ToString::to_string).collect();
        let config = Config::load(None, [], &Typed { set: &set, flags: Vec::new() }).unwrap();
        let lines = shown(&config, true);
        let text = format!("{lines:?} {config:?}");
        assert!(!text.contains("hush"), "{text}");
        let value = |key: &str| lines.iter().find(|line| line.key == key).unwrap().value.clone();
        assert!(value("meta.mysqlUrl").contains("host"));
        assert_eq!(value("target.milvus2x.endpoint"), "http://***@host:19530");
        assert_eq!(
            value("m2m.tables"),
            "s3://***@bucket/prefix;/data/a@b;az://c/p?***;abfss://***@a/p;abfs://c@a/b?***;/what?"
        );
    }

    #[test]
    fn the_commented_file_says_nothing_and_everything() {
        let page = template();
        assert!(crate::config::file::read(&page).unwrap().is_empty());
        for line in page.lines() {
            assert!(line.len() <= LINE && line.trim_end() == line, "{line}");
        }
        // With every comment of a key removed, each key is read.
        let all: String = page
            .lines()
            .map(|line| match line.trim_start().strip_prefix('#') {
                Some(key) if !key.starts_with(' ') => {
                    format!("{}{key}\n", " ".repeat(line.len() - line.trim_start().len()))
                }
                _ => format!("{line}\n"),
            })
            .collect();
        let read = crate::config::file::read(&all).unwrap();
        let defaults =
            KEYS.iter().filter(|key| !matches!(key.kind, Kind::Unused(_)) && is_value(key)).count();
        assert_eq!(read.len(), defaults, "{all}");
    }

    #[test]
    fn statements_are_shown_in_one_line_and_secrets_among_them_are_not() {
        let with = |query: &str| {
            let set = [format!("m2m.collections.a.query={query}")];
            let config = Config::load(None, [], &Typed { set: &set, flags: Vec::new() }).unwrap();
            shown(&config, false).remove(0).value
        };
        assert_eq!(with("SELECT id,\n  '/a@b' AS c FROM t\n"), "SELECT id, '/a@b' AS c FROM t");
        assert_eq!(with("CREATE EXTERNAL TABLE t OPTIONS ('aws.secret_access_key' 'hush'); SELECT 1"), "***");
        assert_eq!(with("CREATE EXTERNAL TABLE t LOCATION 'http://u:hush@h/'; SELECT 1"), "***");
    }

    #[test]
    fn the_example_of_collections_is_valid_in_the_page_and_in_the_commented_file() {
        let indented: String = EXAMPLE.lines().map(|line| format!("  {line}\n")).collect();
        let read = crate::config::file::read(&format!("m2m:\n{indented}")).unwrap();
        assert_eq!(read.len(), 9);
        assert!(reference().contains(&indented));
        let commented = template().split_once("#collections:").unwrap().1.replace("\n  #", "\n  ");
        let again = crate::config::file::read(&format!("m2m:\n  collections:{commented}")).unwrap();
        let paths =
            |read: &[(Slot, Value)]| read.iter().map(|(slot, _)| slot.to_string()).collect::<Vec<_>>();
        assert_eq!(paths(&again), paths(&read));
    }
}
