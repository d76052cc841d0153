// SPDX-License-Identifier: Apache-2.0

use super::*;

fn created(name: &str, dump: &str, token: &str) -> Entry {
    Entry {
        dump: dump.into(),
        name: name.into(),
        database: String::new(),
        address: "milvus:19530".into(),
        claim: Claim::Created { token: token.into(), is_replacing: false },
        jobs: BTreeMap::new(),
        is_ended: false,
    }
}

fn set(rows: u64) -> SetEntry {
    SetEntry {
        name: "films/_default/1".into(),
        rows,
        segments: Vec::new(),
        segment_offset: None,
        files: Vec::new(),
    }
}

fn described(id: i64, description: &str) -> CollectionInfo {
    CollectionInfo { id, description: description.into(), ..CollectionInfo::default() }
}

async fn opened() -> (tempfile::TempDir, Storage, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Storage::local(folder.path()).unwrap();
    let ledger = Ledger::open(&storage).await.unwrap();
    (folder, storage, ledger)
}

#[tokio::test]
async fn what_was_recorded_is_known_to_whoever_comes_after() {
    let (_folder, storage, ledger) = opened().await;
    let films = created("films", "d1", "t1");
    ledger.claim(films.clone()).await.unwrap();
    let job = Job::starting(&set(7));
    ledger.record(&films, "films/_default/1", job.clone()).await.unwrap();
    ledger.record(&films, "films/_default/2", job.clone().started(TaskId(9))).await.unwrap();

    let again = Ledger::open(&storage).await.unwrap();
    assert_eq!(again.job(&films, "films/_default/1"), Some(job.clone()));
    assert_eq!(again.job(&films, "films/_default/2").unwrap().task(), Some(TaskId(9)));
    assert_eq!(again.job(&films, "films/_default/3"), None);
    assert_eq!(again.jobs(&films).len(), 2);
    assert!(again.is_going_on("d1") && !again.is_going_on("d2"));
    again.record(&films, "films/_default/1", job.ended(JobState::Done)).await.unwrap();
    again.end(&["films".into()], "", "milvus:19530").await.unwrap();
    let ended = Ledger::open(&storage).await.unwrap();
    assert!(!ended.is_going_on("d1"));
    assert_eq!(ended.job(&films, "films/_default/1").unwrap().state, JobState::Done);
}

#[tokio::test]
async fn a_collection_is_known_by_its_token_or_its_number_and_by_nothing_else() {
    let (_folder, _, ledger) = opened().await;
    ledger.claim(created("films", "d1", "t1")).await.unwrap();
    let claim = Claim::Appended {
        collection_id: 44,
        rows: 3,
        partition_rows: BTreeMap::new(),
        index_rows: 0,
        is_loaded: false,
    };
    ledger.claim(Entry { claim, ..created("songs", "d1", "") }).await.unwrap();
    let found = |name: &str, database: &str, info| ledger.find(name, database, &info).is_some();
    assert!(found("films", "", described(1, "migrated from x (m2m load t1)")));
    assert!(!found("films", "", described(1, "migrated from x (m2m load t2)")));
    assert!(!found("films", "", described(1, "")));
    assert!(!found("films", "other", described(1, "t1")));
    assert!(!found("songs", "", described(1, "t1")));
    assert!(found("songs", "", described(44, "of somebody else")));
    assert!(!found("songs", "", described(45, "")));
    ledger.end(&["songs".into()], "", "milvus:19530").await.unwrap();
    assert!(ledger.is_going_on("d1"), "another collection is not at its end");
    assert!(ledger.find("songs", "", &described(44, "")).unwrap().is_ended);
}

#[tokio::test]
async fn a_collection_is_loaded_when_every_job_of_a_new_one_is_done() {
    let (_folder, _, ledger) = opened().await;
    let films = created("films", "d1", "t1");
    ledger.claim(films.clone()).await.unwrap();
    let known = || ledger.find("films", "", &described(1, "t1")).unwrap();
    let job = Job::starting(&set(7));
    for (state, is_loaded) in [
        (JobState::Starting, false),
        (JobState::Started, false),
        (JobState::Failed, false),
        (JobState::Done, true),
    ] {
        ledger.record(&films, "films/_default/1", job.clone().ended(state)).await.unwrap();
        assert_eq!(known().is_loaded(), is_loaded, "{state:?}");
    }
    let claim = Claim::Appended {
        collection_id: 1,
        rows: 0,
        partition_rows: BTreeMap::new(),
        index_rows: 0,
        is_loaded: false,
    };
    assert!(!Entry { claim, ..known() }.is_loaded());
}

#[tokio::test]
async fn a_new_load_takes_the_place_of_the_one_before() {
    let (_folder, storage, ledger) = opened().await;
    let first = created("films", "d1", "t1");
    ledger.claim(first.clone()).await.unwrap();
    ledger.record(&first, "s", Job::starting(&set(1))).await.unwrap();
    let second = created("films", "d2", "t2");
    ledger.claim(second.clone()).await.unwrap();
    assert_eq!(ledger.job(&second, "s"), None);
    assert!(!Ledger::open(&storage).await.unwrap().is_going_on("d1"));
    // Another server has a load of its own.
    let elsewhere = Entry { address: "other:19530".into(), ..created("films", "d2", "t3") };
    ledger.claim(elsewhere).await.unwrap();
    assert_eq!(ledger.book().collections.len(), 2);
}

#[tokio::test]
async fn rows_that_may_be_there_are_those_of_all_jobs() {
    let mut entry = created("films", "d1", "t1");
    for (name, rows, state) in
        [("a", 1, JobState::Done), ("b", 10, JobState::Starting), ("c", 100, JobState::Failed)]
    {
        entry.jobs.insert(name.into(), Job::starting(&set(rows)).ended(state));
    }
    assert_eq!(entry.rows_at_most(), 111);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_understood_is_an_error_and_never_an_empty_one() {
    let (_folder, storage, _) = opened().await;
    let path = storage.child(LEDGER_FILE);
    for (text, expected) in [
        ("", "cannot decode"),
        ("{}", "cannot decode"),
        ("{\"version\": 1}", "cannot decode"),
        ("{\"version\": 1, \"collections\": [{}]}", "cannot decode"),
        ("{\"version\": 2, \"collections\": []}", "has version 2"),
    ] {
        storage.put_atomic(&path, text.to_owned().into()).await.unwrap();
        let error = Ledger::open(&storage).await.err().unwrap().to_string();
        assert!(error.contains(expected) && error.contains("ledger.json"), "{text}: {error}");
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_says_what_that_means() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let ledger = Ledger {
        storage: Storage::local(&file).unwrap(),
        book: Mutex::new(Book { version: VERSION, collections: Vec::new(), holder: None }),
        writing: tokio::sync::Mutex::default(),
    };
    let error = ledger.claim(created("films", "d1", "t1")).await.unwrap_err();
    assert!(matches!(error, Error::LedgerNotWritten { .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// A process that is alive, on this machine.
struct Alive(std::process::Child);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

async fn left_by(storage: &Storage, machine: Option<&str>, pid: u32, seen_at: u64) {
    let mut holder = serde_json::to_value(Holder::new()).unwrap();
    if let Some(machine) = machine {
        holder["machine"] = machine.into();
    }
    (holder["pid"], holder["seen_at"]) = (pid.into(), seen_at.into());
    holder["began"] = holder::began(pid).into();
    let book = serde_json::json!({"version": VERSION, "collections": [], "holder": holder});
    storage.put_atomic(&storage.child(LEDGER_FILE), book.to_string().into()).await.unwrap();
}

#[tokio::test]
async fn a_dump_that_another_is_at_work_on_is_left_alone() {
    let (_folder, storage, _) = opened().await;
    let alive = Alive(std::process::Command::new("sleep").arg("60").spawn().unwrap());
    left_by(&storage, None, alive.0.id(), now()).await;
    let error = Ledger::hold(&storage, &crate::Silent).await.err().unwrap().to_string();
    assert!(error.contains(&format!("process {}", alive.0.id())), "{error}");
    drop(alive);
    let ledger = Ledger::hold(&storage, &crate::Silent).await.unwrap();
    ledger.claim(created("films", "d1", "t1")).await.unwrap();
    ledger.live().await.unwrap();
    ledger.release().await.unwrap();
    assert_eq!(Ledger::open(&storage).await.unwrap().book().holder, None);
}

#[tokio::test]
async fn whoever_was_silent_for_long_elsewhere_is_no_hindrance() {
    let (_folder, storage, _) = opened().await;
    left_by(&storage, Some("another"), 1, now() - 1000).await;
    Ledger::hold(&storage, &crate::Silent).await.unwrap();
}

#[tokio::test]
async fn whoever_may_be_at_work_elsewhere_is_waited_for_by_our_own_clock() {
    let (_folder, storage, _) = opened().await;
    // His clock is an hour ahead.
    left_by(&storage, Some("another"), 1, now() + 3600).await;
    let hold = |silence| Ledger::hold_after(&storage, &crate::Silent, silence, Duration::from_millis(10));
    let long = hold(Duration::from_secs(600));
    tokio::time::timeout(Duration::from_millis(200), long).await.err().unwrap();
    hold(Duration::from_millis(100)).await.unwrap();
}

#[tokio::test]
async fn whoever_lost_his_place_writes_nothing_more() {
    let (_folder, storage, _) = opened().await;
    let ledger = Ledger::hold(&storage, &crate::Silent).await.unwrap();
    ledger.claim(created("films", "d1", "t1")).await.unwrap();
    left_by(&storage, Some("another"), 1, now()).await;
    let error = ledger.record(&created("films", "d1", "t1"), "s", Job::starting(&set(1))).await.unwrap_err();
    assert!(matches!(error, Error::Held { .. }), "{error}");
    assert_eq!(Ledger::open(&storage).await.unwrap().book().collections.len(), 0);
}

#[tokio::test]
async fn a_ledger_that_holds_nothing_does_not_stay() {
    let (folder, storage, _) = opened().await;
    Ledger::hold(&storage, &crate::Silent).await.unwrap().release().await.unwrap();
    assert!(!folder.path().join(LEDGER_FILE).exists());
}

#[tokio::test]
async fn a_job_of_other_files_is_another_job() {
    let file = |crc32c| m2m_sink::manifest::FileEntry {
        path: "films/_default/1/id.npy".into(),
        field: "id".into(),
        rows: 7,
        bytes: 184,
        crc32c,
        sha256: None,
        dtype: "<i8".into(),
    };
    let of = |crc32c, rows| SetEntry { files: vec![file(crc32c)], ..set(rows) };
    let job = Job::starting(&of(1, 7));
    assert!(job.is_of(&of(1, 7)) && !job.is_of(&of(2, 7)) && !job.is_of(&of(1, 8)));
}

#[tokio::test]
async fn of_two_that_begin_at_once_one_at_most_goes_on() {
    let (_folder, storage, _) = opened().await;
    let (one, other) =
        tokio::join!(Ledger::hold(&storage, &crate::Silent), Ledger::hold(&storage, &crate::Silent));
    assert!(one.is_err() || other.is_err());
}
