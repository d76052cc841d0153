// SPDX-License-Identifier: Apache-2.0
//! Every class of call against every fault.

use std::collections::BTreeSet;
use std::time::Instant;

use h2::Reason;
use tonic::Code;

use super::stand_in::{Answer, StandIn};
use super::*;
use crate::index::IndexSpec;
use crate::proto::common;
use crate::{Field, NewCollection, TaskId, VectorType};

const RETRY: RetryPolicy = RetryPolicy {
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(20),
    total: Duration::from_millis(400),
};
const DEADLINE: Duration = Duration::from_millis(250);
/// Far above what any of these calls takes on a busy machine.
const SANE: Duration = Duration::from_secs(20);

async fn connect(server: &StandIn) -> Client {
    let options = ConnectOptions {
        uri: server.address.to_string(),
        database: Some("films".to_owned()),
        retry: RETRY,
        ..ConnectOptions::default()
    };
    Client::connect(&options).await.unwrap()
}

/// How often calls of the three classes were sent, and how they ended.
async fn outcomes(first: &Answer, then: &Answer) -> [(usize, Result<(), (Fault, Error)>); 3] {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    let mut outcomes = [const { (0, Ok(())) }; 3];
    let classes = [Call::read, Call::change, Call::once];
    for (class, outcome) in classes.into_iter().zip(&mut outcomes) {
        server.answer("HasCollection", [first.clone(), then.clone()]);
        let before = server.count("HasCollection");
        let call = class("HasCollection", "collection `films`".to_owned()).with_deadline(DEADLINE);
        let began = Instant::now();
        let ended = client
            .attempt(&call, pb::HasCollectionRequest::default(), |mut service: Service, request| async move {
                service.has_collection(request).await
            })
            .await;
        assert!(began.elapsed() < SANE, "{first:?}");
        *outcome = (server.count("HasCollection") - before, ended.map(|_| ()));
    }
    outcomes
}

/// Reads and changes get over a fault that passes; what must not be sent twice
/// is sent once, and its end says whether it may have been carried out.
#[tokio::test]
async fn a_fault_that_passes_is_got_over_by_all_that_may_be_sent_again() {
    for (fault, once) in [
        (Answer::Code(Code::Unavailable, "starting"), Fault::Broken),
        (Answer::Code(Code::ResourceExhausted, "too many requests"), Fault::Broken),
        (Answer::Http(503), Fault::Broken),
        (Answer::refusal(1, 56, "service not ready"), Fault::Broken),
        (Answer::refusal(904, 50, "node not match"), Fault::Broken),
        (Answer::refusal(0, 1, "proxy not healthy"), Fault::Broken),
        (Answer::Reset(Reason::INTERNAL_ERROR), Fault::Broken),
        (Answer::Reset(Reason::CANCEL), Fault::Broken),
        (Answer::Reset(Reason::REFUSED_STREAM), Fault::Broken),
        (Answer::Cut, Fault::Broken),
        (Answer::Half, Fault::Broken),
        (Answer::Short, Fault::Broken),
    ] {
        let [(reads, read), (changes, change), (onces, ended)] = outcomes(&fault, &Answer::Well).await;
        assert_eq!((reads, changes, onces), (2, 2, 1), "{fault:?}");
        assert!(read.is_ok() && change.is_ok(), "{fault:?}: {read:?} {change:?}");
        let (found, error) = ended.unwrap_err();
        assert_eq!(found, once, "{fault:?}");
        assert!(error.is_transient(), "{fault:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_turned_away_is_sent_again_whatever_it_is() {
    for fault in [Answer::refusal(8, 49, "rate limit exceeded"), Answer::refusal(0, 49, "too often")] {
        for (sent, ended) in outcomes(&fault, &Answer::Well).await {
            assert_eq!(sent, 2, "{fault:?}");
            assert!(ended.is_ok(), "{fault:?}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_call_is_said_at_once() {
    for fault in [
        Answer::Code(Code::Unauthenticated, "auth check failure"),
        Answer::Code(Code::PermissionDenied, "PrivilegeImport"),
        Answer::Code(Code::InvalidArgument, "no such field"),
        Answer::Code(Code::Unimplemented, "unknown method"),
        Answer::Code(Code::Internal, "broken"),
        Answer::Code(Code::ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"),
        Answer::Http(404),
        Answer::refusal(100, 4, "collection not found"),
        Answer::refusal(65535, 1, "create duplicate collection with different parameters"),
        Answer::refusal(1100, 5, "invalid parameter"),
        Answer::Reply(vec![0xff; 9]),
    ] {
        for (sent, ended) in outcomes(&fault, &Answer::Well).await {
            assert_eq!(sent, 1, "{fault:?}");
            let (found, error) = ended.unwrap_err();
            assert_eq!(found, Fault::Final, "{fault:?}");
            assert!(!error.is_transient(), "{fault:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn only_reads_are_sent_again_after_their_deadline() {
    let [(reads, read), changes, onces] = outcomes(&Answer::Silence, &Answer::Well).await;
    assert_eq!(reads, 2);
    assert!(read.is_ok(), "{read:?}");
    for (sent, ended) in [changes, onces] {
        assert_eq!(sent, 1);
        let (found, error) = ended.unwrap_err();
        assert_eq!(found, Fault::Late);
        assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    }
    for (sent, ended) in outcomes(&Answer::Late(Duration::from_millis(40)), &Answer::Well).await {
        assert_eq!(sent, 1);
        assert!(ended.is_ok(), "{ended:?}");
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_given_up() {
    for fault in [Answer::Code(Code::Unavailable, "gone"), Answer::Cut, Answer::refusal(1, 56, "not ready")] {
        let [(reads, read), (changes, change), (onces, once)] = outcomes(&fault, &fault).await;
        assert!(reads > 2 && changes > 2, "{fault:?}: {reads} {changes}");
        assert_eq!(onces, 1, "{fault:?}");
        assert!(read.is_err() && change.is_err() && once.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn calls_wait_for_a_server_that_starts_again() {
    let server = StandIn::start().await;
    let address = server.address;
    let patient = ConnectOptions {
        uri: address.to_string(),
        retry: RetryPolicy { total: SANE, ..RETRY },
        ..ConnectOptions::default()
    };
    let client = Client::connect(&patient).await.unwrap();
    let files = ["a/id.npy".to_owned()];
    drop(server);
    // The client is to see that the connection has ended.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let again = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        StandIn::start_at(address).await
    });
    // Nothing was sent before, so even this one may wait.
    assert_eq!(client.import("films", "_default", &files).await.unwrap(), TaskId(7));
    let server = again.await.unwrap();
    assert_eq!(server.count("Import"), 1);
    assert!(client.describe_collection("films").await.unwrap().is_some());
}

#[tokio::test]
async fn a_server_that_does_not_come_back_is_told_as_unreachable_and_no_import_as_open() {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    drop(server);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let error = client.import("films", "_default", &["a/id.npy".to_owned()]).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.is_transient());
    let error = client.list_partitions("films").await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
}

#[tokio::test]
async fn an_import_that_was_received_is_never_sent_again() {
    let faults = [
        Answer::Code(Code::Unavailable, "gone"),
        Answer::Code(Code::Internal, "broken"),
        Answer::Code(Code::ResourceExhausted, "too many requests"),
        Answer::Http(502),
        Answer::refusal(1, 56, "service not ready"),
        Answer::refusal(10_001, 1, "context deadline exceeded"),
        Answer::Reset(Reason::INTERNAL_ERROR),
        Answer::Cut,
        Answer::Half,
        Answer::Short,
        Answer::Reply(Vec::new()),
        Answer::of(&pb::ImportResponse { status: Some(Default::default()), tasks: Vec::new() }),
        Answer::of(&pb::ImportResponse { status: Some(Default::default()), tasks: vec![7, 8] }),
    ];
    for fault in faults {
        let server = StandIn::start().await;
        let client = connect(&server).await;
        server.answer("Import", [fault.clone(), Answer::Well]);
        let error = client.import("films", "_default", &["a/id.npy".to_owned()]).await.unwrap_err();
        assert!(matches!(error, Error::ImportUnanswered { .. }), "{fault:?}: {error:?}");
        assert!(!error.is_transient());
        assert_eq!(server.count("Import"), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn an_import_that_was_refused_runs_no_job() {
    for (fault, sent) in [
        (Answer::refusal(100, 4, "collection not found"), 1),
        (Answer::Code(Code::PermissionDenied, "PrivilegeImport"), 1),
        (Answer::Code(Code::Unauthenticated, "auth check failure"), 1),
    ] {
        let server = StandIn::start().await;
        let client = connect(&server).await;
        server.answer("Import", [fault.clone()]);
        let error = client.import("films", "_default", &["a/id.npy".to_owned()]).await.unwrap_err();
        assert!(!matches!(error, Error::ImportUnanswered { .. }), "{fault:?}: {error:?}");
        assert_eq!(server.count("Import"), sent, "{fault:?}");
    }
    let server = StandIn::start().await;
    let client = connect(&server).await;
    server.answer("Import", [Answer::refusal(8, 49, "rate limit exceeded"), Answer::Well]);
    assert_eq!(client.import("films", "_default", &["a/id.npy".to_owned()]).await.unwrap(), TaskId(7));
    assert_eq!(server.count("Import"), 2);
}

#[tokio::test]
async fn a_database_that_a_lost_attempt_created_is_there() {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    let has = |name: &str| {
        let db_names = vec![name.to_owned()];
        Answer::of(&pb::ListDatabasesResponse { status: Some(Default::default()), db_names })
    };
    let exists =
        common::Status { code: 65535, reason: "database already exist".to_owned(), ..Default::default() };
    server.answer("ListDatabases", [has("default"), has("films")]);
    server.answer("CreateDatabase", [Answer::Cut, Answer::of(&exists)]);
    assert!(!client.ensure_database().await.unwrap());
    assert_eq!(server.count("CreateDatabase"), 2);
    server.answer("ListDatabases", [has("default")]);
    server.answer("CreateDatabase", [Answer::of(&exists)]);
    assert!(matches!(client.ensure_database().await, Err(Error::Refused { .. })));
}

/// A server that was started again refuses the definition it has.
#[tokio::test]
async fn a_collection_that_is_there_already_is_created_whatever_the_server_says() {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    let new = NewCollection {
        name: "films".to_owned(),
        fields: vec![Field::primary("id"), Field::new("vector", VectorType::Float(2))],
        shards: 1,
        description: "the first run".to_owned(),
    };
    let described = pb::DescribeCollectionResponse {
        status: Some(Default::default()),
        schema: Some(crate::collections::schema(&new)),
        shards_num: 1,
        ..Default::default()
    };
    let refused = common::Status {
        code: 65535,
        reason: "create duplicate collection".to_owned(),
        ..Default::default()
    };
    server.answer("CreateCollection", [Answer::of(&refused)]);
    server.answer("DescribeCollection", [Answer::of(&described)]);
    client.create_collection(&new).await.unwrap();
    let other = NewCollection { description: "the second run".to_owned(), ..new.clone() };
    let error = client.create_collection(&other).await.unwrap_err();
    assert!(matches!(error, Error::Refused { code: 65535, .. }), "{error:?}");
    server.answer("DescribeCollection", [Answer::Code(Code::Internal, "broken")]);
    let error = client.create_collection(&new).await.unwrap_err();
    assert!(matches!(error, Error::Refused { code: 65535, .. }), "{error:?}");
}

/// Calls everything once. How a call ends is of no interest here.
async fn call_everything(client: &Client) {
    let films = NewCollection {
        name: "films".to_owned(),
        fields: vec![Field::primary("id"), Field::new("vector", VectorType::Float(2))],
        shards: 1,
        description: String::new(),
    };
    let flat = IndexSpec { index_type: "FLAT".to_owned(), metric: "L2".to_owned(), params: [].into() };
    let vectors = [[1.0_f32, 2.0].as_slice()];
    let search = crate::Search {
        field: "vector",
        metric: "L2",
        params: &[].into(),
        top_k: 1,
        vectors: crate::SearchVectors::Float(&vectors),
    };
    drop(client.ensure_database().await);
    drop(client.create_collection(&films).await);
    drop(client.create_partition("films", "old").await);
    drop(client.describe_collection("films").await);
    drop(client.list_partitions("films").await);
    drop(client.list_collections().await);
    drop(client.import("films", "old", &["a/id.npy".to_owned()]).await);
    drop(client.imports("films").await);
    drop(client.import_state(TaskId(7)).await);
    drop(client.flush("films").await);
    drop(client.create_index("films", "vector", &flat).await);
    drop(client.index_progress("films", "vector").await);
    drop(client.load("films", false).await);
    drop(client.load_percent("films").await);
    drop(client.stored_rows("films", None).await);
    drop(client.stored_rows("films", Some("old")).await);
    drop(client.count("films", None).await);
    drop(client.search("films", &search).await);
    drop(client.release("films").await);
    drop(client.drop_collection("films").await);
}

/// The methods that the protocol names.
fn methods() -> BTreeSet<String> {
    let proto = include_str!("../../../../proto/milvus.proto");
    let named = proto.lines().filter_map(|line| line.trim().strip_prefix("rpc "));
    named.map(|line| line.split('(').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_question_about_jobs_is_not_broken_off_by_whoever_stops_waiting() {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    for method in ["GetImportState", "ListImportTasks", "ShowPartitions"] {
        server.answer(method, [Answer::Late(Duration::from_millis(300))]);
    }
    let short = Duration::from_millis(100);
    tokio::time::timeout(short, client.import_state(TaskId(1))).await.unwrap_err();
    tokio::time::timeout(short, client.imports("films")).await.unwrap_err();
    // Any other call is.
    tokio::time::timeout(short, client.list_partitions("films")).await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(server.broken_off(), ["ShowPartitions"]);
}

#[tokio::test]
async fn every_call_has_a_deadline_and_all_but_the_import_are_sent_again() {
    let server = StandIn::start().await;
    let client = connect(&server).await;
    for method in methods() {
        server.answer(&method, [Answer::Code(Code::Unavailable, "starting"), Answer::Well]);
    }
    call_everything(&client).await;
    let seen = server.seen();
    assert_eq!(seen.iter().map(|seen| seen.method.clone()).collect::<BTreeSet<_>>(), methods());
    // The server must not be told to give up on these: it would end.
    let lasting = ["GetImportState", "ListImportTasks"];
    assert!(seen.iter().filter(|seen| lasting.contains(&&*seen.method)).all(|seen| seen.timeout.is_none()));
    for seen in seen.iter().filter(|seen| !lasting.contains(&&*seen.method)) {
        let timeout = seen.timeout.as_deref().unwrap_or_else(|| panic!("{} has no deadline", seen.method));
        let (number, unit) = timeout.split_at(timeout.len() - 1);
        let units = [("u", 1), ("m", 1000)].into_iter().find(|(name, _)| *name == unit).unwrap();
        let micros = number.parse::<u64>().unwrap() * units.1;
        assert!((1..=120_000_000).contains(&micros), "{}: {timeout}", seen.method);
    }
    let unrepeated: Vec<_> = methods()
        .into_iter()
        .filter(|method| server.count(method) < 2)
        .filter(|method| method != "GetVersion")
        .collect();
    assert_eq!(unrepeated, ["Import"]);
    assert_eq!(server.count("Import"), 1);
}
