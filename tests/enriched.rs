// SPDX-License-Identifier: Apache-2.0
//! One collection of a real installation migrated whole, by half, and joined
//! with attributes of every type. What must arrive is worked out by Python from
//! the segments' bytes, and asked for in a real Milvus.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::command::Run;
use crate::support::fixtures;
use crate::support::place::Place;
use crate::support::services;

/// Reads the segments of `ip_parts`, writes attributes of two thirds of its rows
/// as Parquet (and once more with one value of each column changed), and prints
/// what migrations of it must lead to.
const FACTS: &str = r#"
import json, sqlite3, sys, numpy as np, pyarrow as pa, pyarrow.parquet as pq
root, folder = sys.argv[1:3]
NAMES = {'2020-Q1 报表/x': '2020_Q1_x_71a7f34e', 'a-b': 'a_b_e61ab319'}
db = sqlite3.connect(f'file:{root}/db/meta.sqlite?mode=ro&immutable=1', uri=True)

def payload(path, dtype):
    with open(path, 'rb') as file:
        data = file.read()
    assert len(data) == 8 + int.from_bytes(data[:8], 'little'), path
    return np.frombuffer(data[8:], dtype)

partitions, rows = ['_default'], []
tables = "SELECT table_id, partition_tag FROM Tables WHERE state = 0 AND 'ip_parts' IN (table_id, owner_table) ORDER BY id"
for table, tag in db.execute(tables).fetchall():
    name = NAMES.get(tag, tag) or '_default'
    partitions += [] if name in partitions else [name]
    segments = 'SELECT DISTINCT segment_id FROM TableFiles WHERE table_id = ? AND file_type IN (1, 2, 7)'
    for segment, in db.execute(segments, [table]).fetchall():
        path = f'{root}/db/tables/{table}/{segment}'
        ids = payload(f'{path}/{segment}.uid', '<i8')
        vectors = payload(f'{path}/{segment}.rv', '<f4').reshape(len(ids), 16)
        dead = set(payload(f'{path}/deleted_docs', '<i4').tolist())
        live = [at for at in range(len(ids)) if at not in dead]
        rows += [{'partition': name, 'id': int(ids[at]), 'vector': vectors[at].tobytes().hex()} for at in live]
assert len(rows) == len({row['id'] for row in rows}) == 566

def ends(n, low, high, other):
    return low if n == 1 else high if n == 2 else other

def attributes(n):
    return {
        'ok': n % 3 == 1,
        'tiny': ends(n, -2**7, 2**7 - 1, n % 100),
        'small': ends(n, -2**15, 2**15 - 1, n * 11),
        'medium': ends(n, -2**31, 2**31 - 1, n * 1111),
        'large': ends(n, -2**63, 2**63 - 1, n << 40),
        'ratio': ends(n, -0.0, 1e-45, n / 3),
        'score': ends(n, -0.0, 5e-324, n / 3),
        'title': ends(n, '', ' \U0010ffff\t"\'\\ ', f'Füße {n} 😀'),
        'more': ends(n, '[1, 1.0, null]', '"текст"', json.dumps({'n': n, 'half': n / 2, 'tags': ['ä', str(n)]})),
    }

TYPES = {'ok': pa.bool_(), 'tiny': pa.int8(), 'small': pa.int16(), 'medium': pa.int32(), 'large': pa.int64()}
TYPES |= {'ratio': pa.float32(), 'score': pa.float64(), 'title': pa.string(), 'more': pa.string()}
found = {row['id']: attributes(n) for n, row in enumerate(rows) if n % 3}
def write(name, values):
    columns = {'id': pa.array(values, pa.int64())}
    columns |= {key: pa.array([one[key] for one in values.values()], kind) for key, kind in TYPES.items()}
    pq.write_table(pa.table(columns), f'{folder}/{name}.parquet', row_group_size=100)
write('attributes', found)
other = {'ok': None, 'tiny': 5, 'small': 5, 'medium': 5, 'large': 5, 'ratio': 0.25, 'score': 0.25, 'title': 'x', 'more': '{}'}
for at, key in enumerate(TYPES):
    changed = {one: dict(values) for one, values in found.items()}
    one = list(changed)[40 + at]
    changed[one][key] = not changed[one][key] if key == 'ok' else other[key]
    write(f'other_{key}', changed)

FIELDS = [{'name': 'id', 'type': 'INT64', 'primary': True}, {'name': 'vector', 'type': 'FLOAT_VECTOR', 'dim': 16}]
KINDS = {'ok': 'BOOL', 'tiny': 'INT8', 'small': 'INT16', 'medium': 'INT32', 'large': 'INT64', 'ratio': 'FLOAT', 'score': 'DOUBLE', 'more': 'JSON'}
MORE = [{'name': key, 'type': kind} for key, kind in KINDS.items()] + [{'name': 'title', 'type': 'VARCHAR', 'max_length': 512}]

def described(name, chosen, fields, empty):
    count = {partition: sum(row['partition'] == partition for row in chosen) for partition in partitions}
    count = {partition: rows for partition, rows in count.items() if rows or empty or partition == '_default'}
    index = {'index_type': 'FLAT', 'metric_type': 'IP', 'params': {}}
    # As text: not every reader of JSON keeps the last bit of a number.
    return json.dumps({'collection': name, 'fields': fields, 'index': index, 'loaded': True, 'count': count, 'rows': chosen})

joined = [{**row, **found[row['id']], 'more': json.loads(found[row['id']]['more'])} for row in rows if row['id'] in found]
single = lambda row: {**row, 'ratio': float(np.float32(row['ratio']))}
joined = [single(row) for row in joined]
def asked(expression, condition):
    return [expression, sorted(row['id'] for row in joined if condition(row))]
print(json.dumps({
    'whole': described('ip_parts', rows, FIELDS, True),
    'half': described('half', [row for row in rows if row['id'] % 2 == 0], FIELDS, True),
    'rich': described('rich', joined, FIELDS + MORE, False),
    'rich_parquet': described('rich_parquet', joined, FIELDS + MORE, False),
    'rich_half': described('rich_half', [row for row in joined if row['ok']], FIELDS + MORE, False),
    'questions': [
        asked('medium > 100000 and tiny < 50', lambda row: row['medium'] > 100000 and row['tiny'] < 50),
        asked('title == "Füße 100 😀"', lambda row: row['title'] == 'Füße 100 😀'),
        asked('title like "Füße 10%"', lambda row: row['title'].startswith('Füße 10')),
        asked('ok == true', lambda row: row['ok']),
        asked('score >= 12.5 and small in [550, 561, 572, 583]', lambda row: row['score'] >= 12.5 and row['small'] in (550, 561, 572, 583)),
        asked('large > 0 and large <= 13194139533312', lambda row: 0 < row['large'] <= 12 << 40),
        asked('more["n"] < 20', lambda row: isinstance(row['more'], dict) and row['more']['n'] < 20),
    ],
}))
"#;

fn install() -> PathBuf {
    fixtures::install("install-1.1.1")
}

/// What must arrive. The attributes are written into the place.
fn facts(place: &Place) -> Value {
    let output = Command::new(services::python())
        .args(["-c", FACTS])
        .args([install(), place.path("")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn joined(attributes: &Path, condition: &str) -> String {
    format!(
        "CREATE EXTERNAL TABLE a STORED AS PARQUET LOCATION '{}';
         SELECT c.id, c.vector, c.partition_tag, a.ok, a.tiny, a.small, a.medium, a.large, a.ratio, a.score, a.title, a.more
         FROM ip_parts c JOIN a ON a.id = c.id {condition}",
        attributes.display()
    )
}

const HALF: [&str; 4] = ["--where", "id % 2 = 0", "--set", "m2m.collections.ip_parts.name=half"];

/// Runs a command on rows that a query yields.
fn of_query(place: &Place, command: &str, query: &str, name: &str, more: &[&str]) -> Run {
    let json = format!("m2m.collections.{name}.fields.more.type=json");
    let length = format!("m2m.collections.{name}.fields.title.maxLength=512");
    let args = ["--query", query, "--as", name, "--set", &json, "--set", &length];
    place.run_on(&install(), command, &[&args[..], more].concat())
}

#[test]
fn a_collection_arrives_whole_by_half_and_with_attributes_in_both_formats() {
    let place = Place::on_2_3("enriched");
    let facts = facts(&place);
    let of_ip_parts = |command: &str, more: &[&str]| {
        place.run_on(&install(), command, &[&["--col", "ip_parts"][..], more].concat())
    };
    let whole = ["--sample", "100000"];
    let over = ["--sample", "100000", "--overwrite"];
    of_ip_parts("migrate", &whole).ends_with(0).says(&["verified 1 collection"]);
    of_ip_parts("migrate", &[&HALF[..], &over].concat()).ends_with(0).says(&["verified 1 collection"]);
    let query = joined(&place.path("attributes.parquet"), "");
    of_query(&place, "migrate", &query, "rich", &over).ends_with(0).says(&["verified 1 collection"]);
    let parquet = [&over[..], &["--to-format", "parquet"]].concat();
    of_query(&place, "migrate", &query, "rich_parquet", &parquet)
        .ends_with(0)
        .says(&["verified 1 collection"]);

    for name in ["whole", "half", "rich", "rich_parquet"] {
        place.holds_described(facts[name].as_str().unwrap());
    }
    for question in facts["questions"].as_array().unwrap() {
        let ids: Vec<i64> = serde_json::from_value(question[1].clone()).unwrap();
        for collection in ["rich", "rich_parquet"] {
            assert_eq!(place.ids(collection, question[0].as_str().unwrap()), ids, "{collection}: {question}");
        }
    }

    of_ip_parts("verify", &[&HALF[..], &whole].concat()).ends_with(0);
    let quarter = ["--where", "id % 4 = 0", "--set", "m2m.collections.ip_parts.name=half"];
    of_ip_parts("verify", &quarter).ends_with(3).says(&["Milvus counts"]);
    of_query(&place, "verify", &query, "rich", &whole).ends_with(0);
    for field in ["ok", "tiny", "small", "medium", "large", "ratio", "score", "title", "more"] {
        let query = joined(&place.path(&format!("other_{field}.parquet")), "");
        let run = of_query(&place, "verify", &query, "rich", &whole).ends_with(3);
        run.says(&["differs: rich: id ", &format!("as `{field}`, expected")]);
    }
}

#[test]
fn a_choice_of_rows_with_attributes_arrives_on_2_2() {
    let place = Place::on_2_2("enriched");
    let facts = facts(&place);
    let query = joined(&place.path("attributes.parquet"), "WHERE a.ok");
    let whole = ["--sample", "100000"];
    of_query(&place, "migrate", &query, "rich_half", &whole).ends_with(0).says(&["verified 1 collection"]);
    let args = [&["--col", "ip_parts", "--overwrite"][..], &HALF, &whole].concat();
    place.run_on(&install(), "migrate", &args).ends_with(0).says(&["verified 1 collection"]);
    for name in ["rich_half", "half"] {
        place.holds_described(facts[name].as_str().unwrap());
    }
}
