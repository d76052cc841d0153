// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::config::{Typed, page};

/// Each key of a collection: a value that is fine, what it becomes, one that is not, and a part of the message.
const FORMS: &[(&str, &str, &str, &str, &str)] = &[
    ("where", "id % 2 = 0", "id % 2 = 0", "[a]", "a single value"),
    ("query", "SELECT 1", "SELECT 1", "{a: b}", "a single value"),
    ("from", "Films", "Films", "[a]", "a single value"),
    ("name", "a.b", "a.b", "[a]", "a single value"),
    ("idField", "Key", "Key", "[a]", "a single value"),
    ("vectorField", "v", "v", "[a]", "a single value"),
    ("format", "Parquet", "parquet", "csv", "expected `npy`, `parquet`, found `csv`"),
    ("partitions", "KEY", "key", "no", "found `no`"),
    ("partitionField", "tag", "tag", "[a]", "a single value"),
    ("ipToCosine", "IFNORMALISED", "ifNormalised", "yes", "found `yes`"),
    ("index", "Auto", "auto", "IVF_FLAT", "found `IVF_FLAT`"),
    ("duplicates", "LAST", "last", "any", "found `any`"),
    ("invalidVectors", "skip", "skip", "keep", "found `keep`"),
    ("fields.Title.name", "title", "title", "[a]", "a single value"),
    ("fields.Title.type", "VarChar", "varchar", "text", "`varchar`, `json`, found `text`"),
    ("fields.Title.maxLength", "65535", "65535", "65536", "from 1 to 65535, found `65536`"),
];

fn load(text: &str, set: &[&str]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("migration.yaml");
    std::fs::write(&path, text).unwrap();
    let set: Vec<String> = set.iter().map(ToString::to_string).collect();
    let typed = Typed { set: &set, flags: Vec::new() };
    let config = Config::load(Some(&path), [], &typed);
    config.map_err(|error| error.report().replace(folder.path().to_str().unwrap(), "<folder>"))
}

/// What is shown, each as key, value and where it comes from.
fn shown(config: &Config) -> Vec<(String, String, String)> {
    let lines = page::shown(config, false).into_iter();
    lines.map(|line| (line.key, line.value, line.origin.rsplit('/').next().unwrap().to_owned())).collect()
}

/// A file with settings of the collection `Films`, the first of them on line 4.
fn file(settings: &str) -> String {
    let mut text = String::from("m2m:\n  collections:\n    Films:\n");
    let mut indent = 6;
    let (path, value) = settings.split_once(": ").unwrap();
    for part in path.split('.') {
        text.push_str(&format!("{}{part}:\n", " ".repeat(indent)));
        indent += 2;
    }
    text.pop();
    format!("{text} {value}\n")
}

#[test]
fn every_key_has_its_row() {
    let rows: Vec<&str> = FORMS.iter().map(|(path, ..)| path.rsplit('.').next().unwrap()).collect();
    let keys: Vec<&str> = collection::KEYS.iter().chain(field::KEYS).map(|key| key.name()).collect();
    assert_eq!(rows, keys);
}

#[test]
fn each_key_accepts_its_form_from_a_file_and_by_set() {
    for (path, accepted, becomes, ..) in FORMS {
        let key = format!("m2m.collections.Films.{path}");
        let is = |origin: &str| vec![(key.clone(), (*becomes).to_owned(), origin.to_owned())];
        let config = load(&file(&format!("{path}: {accepted}")), &[]).unwrap();
        assert_eq!(shown(&config), is("migration.yaml"));
        // What is typed counts before the file, and an empty text takes it back.
        let refuted = load(&file(&format!("{path}: {accepted}")), &[&format!("{key}=")]).unwrap();
        assert_eq!(shown(&refuted), []);
        let config = load(&file(&format!("{path}: {accepted}")), &[&format!("{key}={accepted}")]).unwrap();
        assert_eq!(shown(&config), is("--set"));
        // Keys are known in any case, and names are not.
        let shouted = path.to_uppercase().replace("TITLE", "Title");
        let config = load("", &[&format!("M2M.COLLECTIONS.Films.{shouted}={accepted}")]).unwrap();
        assert_eq!(shown(&config), is("--set"));
        let config = load(&file(&format!("{shouted}: {accepted}")), &[]).unwrap();
        assert_eq!(shown(&config), is("migration.yaml"));
    }
}

#[test]
fn each_key_refuses_another_form_with_its_path_and_its_place() {
    for (path, _, _, refused, message) in FORMS {
        let key = format!("m2m.collections.Films.{path}");
        let error = load(&file(&format!("{path}: {refused}")), &[]).unwrap_err();
        for part in [message, key.as_str(), "<folder>/migration.yaml", "line"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        if !refused.starts_with(['[', '{']) {
            let error = load("", &[&format!("{key}={refused}")]).unwrap_err();
            assert!(error.contains(message) && error.contains(&format!("--set {key}")), "{error}");
        }
    }
    for length in ["0", "-1", "200.5", "many"] {
        let error = load(&file(&format!("fields.a.maxLength: {length}")), &[]).unwrap_err();
        assert!(error.contains("from 1 to 65535") && error.contains(length), "{error}");
    }
}

#[test]
fn each_misspelt_key_is_refused_with_the_nearest() {
    for (path, accepted, ..) in FORMS {
        let (key, misspelt) = (format!("m2m.collections.Films.{path}"), format!("{path}x"));
        let set = format!("m2m.collections.Films.{misspelt}={accepted}");
        for error in [
            load(&file(&format!("{misspelt}: {accepted}")), &[]).unwrap_err(),
            load("", &[&set]).unwrap_err(),
        ] {
            assert!(error.contains(&format!("unknown key `{key}x`")), "{error}");
            assert!(error.contains(&format!("the nearest known key is `{key}`")), "{error}");
        }
    }
    let error = load("m2m:\n  collection:\n    films: {index: none}\n", &[]).unwrap_err();
    assert!(error.contains("`m2m.collections`") && error.contains("line 2"), "{error}");
    let error = load("m2m:\n  collections:\n    films:\n      columns: {}\n", &[]).unwrap_err();
    assert!(error.contains("`m2m.collections.films.columns`; expected one of `where`, `query`"), "{error}");
}

#[test]
fn names_are_told_apart_by_their_case_and_may_be_anything() {
    let text = "m2m:\n  collections:\n    films: {index: none}\n    FILMS: {index: auto}\n    \"a.b\": {index: keep}\n    \
                1678354366132: {index: keep}\n    where: {where: 'true', fields: {Title: {name: a}, title: {name: b}, c.d: {name: c}, fields: {name: d}}}\n";
    let found = load(text, &[]).unwrap().collections();
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(names, ["1678354366132", "FILMS", "a.b", "films", "where"]);
    assert_eq!(found["films"].index.as_deref(), Some("none"));
    assert_eq!(found["FILMS"].index.as_deref(), Some("auto"));
    assert_eq!(found["where"].filter.as_deref(), Some("true"));
    let columns: Vec<&str> = found["where"].fields.keys().map(String::as_str).collect();
    assert_eq!(columns, ["Title", "c.d", "fields", "title"]);
    // What is shown can be typed.
    let config = load(text, &[]).unwrap();
    let set: Vec<String> = shown(&config).iter().map(|(key, value, _)| format!("{key}={value}")).collect();
    let typed = Config::load(None, [], &Typed { set: &set, flags: Vec::new() }).unwrap();
    assert_eq!(typed.collections(), found);
}

#[test]
fn all_that_is_said_is_found_and_nothing_else() {
    let text = "m2m:\n  index: auto\n  collections:\n    films:\n      query: |\n        CREATE VIEW a AS SELECT 1;\n        SELECT 2\n      \
                from: Films\n      name: f\n      format: npy\n      index: none\n      duplicates: first\n      invalidVectors: skip\n      partitions: key\n      \
                partitionField: tag\n      ipToCosine: always\n      idField: k\n      vectorField: v\n      fields: {Title: {type: VARCHAR}}\n";
    let set = [
        "m2m.collections.films.fields.Title.maxLength=200",
        "m2m.collections.other.where=a = '=' AND \"b\" = 'c'",
    ];
    let found = load(text, &set).unwrap().collections();
    let some = |text: &str| Some(text.to_owned());
    let title = FieldConfig { name: None, field_type: some("varchar"), max_length: Some(200) };
    let films = CollectionConfig {
        filter: None,
        query: some("CREATE VIEW a AS SELECT 1;\nSELECT 2"),
        from: some("Films"),
        name: some("f"),
        id_field: some("k"),
        vector_field: some("v"),
        format: some("npy"),
        partitions: some("key"),
        partition_field: some("tag"),
        ip_to_cosine: some("always"),
        index: some("none"),
        duplicates: some("first"),
        invalid_vectors: some("skip"),
        fields: BTreeMap::from([("Title".to_owned(), title)]),
    };
    let other = CollectionConfig { filter: some("a = '=' AND \"b\" = 'c'"), ..Default::default() };
    assert_eq!(found, BTreeMap::from([("films".to_owned(), films), ("other".to_owned(), other)]));
}

#[test]
fn a_condition_and_a_query_do_not_go_together() {
    let both = "m2m: {collections: {films: {where: a, query: b}}}";
    let error = load(both, &[]).unwrap_err();
    for part in ["m2m.collections.films", "`where`", "`query`", "<folder>/migration.yaml"] {
        assert!(error.contains(part), "{error}");
    }
    let condition = "m2m: {collections: {films: {where: a}, other: {query: b}}}";
    let error = load(condition, &["m2m.collections.films.query=b"]).unwrap_err();
    assert!(error.contains("migration.yaml") && error.contains("`query` (--set)"), "{error}");
    let set = ["m2m.collections.films.where=", "m2m.collections.films.query=b"];
    let found = load(condition, &set).unwrap().collections();
    assert_eq!((&found["films"].filter, found["films"].query.as_deref()), (&None, Some("b")));
}

#[test]
fn a_length_is_for_texts() {
    let field =
        |field: &str| load(&format!("m2m: {{collections: {{films: {{fields: {{a: {{{field}}}}}}}}}}}"), &[]);
    for refused in ["type: json, maxLength: 9", "type: int64, maxLength: 9"] {
        let error = field(refused).unwrap_err();
        assert!(error.contains("m2m.collections.films.fields.a") && error.contains("maxLength"), "{error}");
    }
    assert!(field("type: varchar, maxLength: 9").is_ok() && field("maxLength: 9").is_ok());
}

#[test]
fn nothing_is_no_setting() {
    for text in [
        "",
        "collections: ",
        "collections: {}",
        "collections: {films: }",
        "collections: {films: {where: ~, query: '', fields: {a: }}}",
    ] {
        let found = load(&format!("m2m: {{{text}}}"), &[]).unwrap().collections();
        assert_eq!(found, BTreeMap::new(), "{text}");
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    for (text, message) in [
        ("collections: [films]", "expected keys and values"),
        ("collections: films", "expected keys and values"),
        ("collections: {films: id > 3}", "expected keys and values"),
        ("collections: {films: {fields: [title]}}", "expected keys and values"),
        ("collections: {films: {fields: {title: varchar}}}", "expected keys and values"),
        ("collections: {films.where: id > 3}", "expected keys and values"),
        ("collections: {films: {index: none}, films: {index: auto}}", "the key `films` comes twice"),
        ("collections: {films: {index: none, INDEX: auto}}", "comes twice"),
        ("collections: {films: {index: none}}, collections.films.index: auto", "comes twice"),
        ("collections: {films: {fields: {a: {name: b}, a: {type: json}}}}", "the key `a` comes twice"),
        ("collections: {'': {index: none}}", "a name is empty"),
        ("collections: {films: {fields: {'': {name: a}}}}", "a name is empty"),
        ("collections: {<<: {index: none}}", "write the keys out"),
        ("collections: {films: {<<: {index: none}}}", "write the keys out"),
        ("collections: {films: {fields: {a: {name: b, c: {}}}}}", "unknown key"),
    ] {
        let error = load(&format!("m2m: {{{text}}}"), &[]).unwrap_err();
        assert!(error.contains(message) && error.contains("line 1"), "{text}: {error}");
    }
    // A path in one is a path, as at every other key.
    let found = load("m2m.collections.films.index: none\nm2m: {collections.films.where: a}", &[]).unwrap();
    assert_eq!(found.collections()["films"].index.as_deref(), Some("none"));
    assert_eq!(found.collections()["films"].filter.as_deref(), Some("a"));
}

#[test]
fn the_environment_says_nothing_of_single_collections() {
    for name in ["M2M_COLLECTIONS", "M2M_COLLECTIONS_FILMS_WHERE", "M2M_COLLECTIONS_FILMS_QUERYX"] {
        let variables = [(name.to_owned(), "hush".to_owned())];
        let error = Config::load(None, variables, &Typed::default()).unwrap_err().report();
        assert!(
            error.contains(name) && error.contains("m2m.collections") && error.contains("--set"),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
}
