// SPDX-License-Identifier: Apache-2.0

use std::sync::Mutex;

use async_trait::async_trait;
use object_store::PutResult;
use object_store::memory::InMemory;

use super::*;
use crate::npy::HEADER_LEN;

const PART: usize = 200;
/// Bytes of the first part behind its header.
const FIRST: usize = PART - HEADER_LEN;

/// What an upload was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Create,
    Part(usize, usize),
    Complete(usize),
    Abort,
}

/// Takes parts in any order, remembers the calls, and fails on demand.
#[derive(Debug)]
struct Recorder {
    store: Arc<InMemory>,
    calls: Mutex<Vec<Call>>,
    parts: Mutex<BTreeMap<usize, Bytes>>,
    fails: Option<Call>,
    /// Whether a failed completion has made the file.
    completes_anyway: bool,
}

fn failure() -> object_store::Error {
    object_store::Error::Generic { store: "recorder", source: "no space left".into() }
}

impl Recorder {
    fn note(&self, call: Call) -> object_store::Result<()> {
        self.calls.lock().unwrap().push(call.clone());
        if self.fails.as_ref() == Some(&call) { Err(failure()) } else { Ok(()) }
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl MultipartStore for Recorder {
    async fn create_multipart(&self, _path: &Path) -> object_store::Result<MultipartId> {
        self.note(Call::Create).map(|()| "upload".to_owned())
    }

    async fn put_part(
        &self,
        _path: &Path,
        id: &MultipartId,
        part_idx: usize,
        data: PutPayload,
    ) -> object_store::Result<PartId> {
        assert_eq!(id, "upload");
        self.note(Call::Part(part_idx, data.content_length()))?;
        self.parts.lock().unwrap().insert(part_idx, data.into());
        Ok(PartId { content_id: part_idx.to_string() })
    }

    async fn complete_multipart(
        &self,
        path: &Path,
        _id: &MultipartId,
        ids: Vec<PartId>,
    ) -> object_store::Result<PutResult> {
        let numbers: Vec<_> = ids.iter().map(|id| id.content_id.clone()).collect();
        let expected: Vec<_> = (0..ids.len()).map(|number| number.to_string()).collect();
        assert_eq!(numbers, expected, "parts are named in order");
        let done = self.note(Call::Complete(ids.len()));
        if done.is_ok() || self.completes_anyway {
            let whole = self.parts.lock().unwrap().values().flatten().copied().collect::<Vec<u8>>();
            self.store.put(path, whole.into()).await?;
        }
        done.map(|()| PutResult { e_tag: None, version: None })
    }

    async fn abort_multipart(&self, _path: &Path, _id: &MultipartId) -> object_store::Result<()> {
        self.note(Call::Abort)
    }
}

fn recorder(fails: Option<Call>) -> Arc<Recorder> {
    Arc::new(Recorder {
        store: Arc::new(InMemory::new()),
        calls: Mutex::default(),
        parts: Mutex::default(),
        fails,
        completes_anyway: false,
    })
}

fn file(recorder: &Arc<Recorder>) -> HeaderLast {
    with_header(recorder, HEADER_LEN)
}

fn with_header(recorder: &Arc<Recorder>, header_len: usize) -> HeaderLast {
    let place = FilePlace {
        store: Arc::clone(&recorder.store) as _,
        parts: Arc::clone(recorder) as _,
        path: Path::from("out/x.npy"),
        location: "s3://bucket/out/x.npy".into(),
        part_bytes: PART,
        is_local: false,
    };
    HeaderLast::new(place, header_len)
}

fn body(len: usize) -> Bytes {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect::<Vec<_>>().into()
}

const HEADER: [u8; HEADER_LEN] = [7; HEADER_LEN];

/// Writes bytes in pieces and returns the file.
async fn write(file: &mut HeaderLast, body: &Bytes, piece: usize) -> Result<()> {
    for at in (0..body.len()).step_by(piece) {
        file.put(body.slice(at..(at + piece).min(body.len()))).await?;
    }
    file.settle(&HEADER).await?;
    file.complete().await
}

async fn stored(recorder: &Recorder) -> Option<Bytes> {
    let found = recorder.store.get(&Path::from("out/x.npy")).await.ok()?;
    Some(found.bytes().await.unwrap())
}

#[tokio::test]
async fn parts_are_equal_and_the_first_is_sent_last() {
    for piece in [1, 7, PART, 1000] {
        let recorder = recorder(None);
        let body = body(FIRST + 3 * PART + 5);
        write(&mut file(&recorder), &body, piece).await.unwrap();
        assert_eq!(stored(&recorder).await.unwrap(), [&HEADER[..], &body].concat());
        let mut calls = recorder.calls();
        // Two parts may overtake each other.
        calls[1..5].sort_by_key(|call| match call {
            Call::Part(number, _) => *number,
            _ => unreachable!(),
        });
        let parts = [Call::Part(1, PART), Call::Part(2, PART), Call::Part(3, PART), Call::Part(4, 5)];
        assert_eq!(calls[1..5], parts);
        assert_eq!(calls[5..], [Call::Part(0, PART), Call::Complete(5)]);
        assert_eq!(calls[0], Call::Create);
    }
}

#[tokio::test]
async fn file_of_every_length_is_whole() {
    for len in (0..3 * PART).chain([FIRST + 9 * PART]) {
        let recorder = recorder(None);
        let body = body(len);
        write(&mut file(&recorder), &body, 64).await.unwrap();
        assert_eq!(stored(&recorder).await.unwrap(), [&HEADER[..], &body].concat(), "{len}");
        let is_one_request = len <= FIRST;
        assert_eq!(recorder.calls().is_empty(), is_one_request, "{len}: {:?}", recorder.calls());
    }
}

#[tokio::test]
async fn file_without_a_header_is_its_bytes() {
    for (len, calls) in [(PART - 1, 0), (PART, 0), (PART + 1, 4), (3 * PART, 5)] {
        let recorder = recorder(None);
        let (mut file, body) = (with_header(&recorder, 0), body(len));
        file.put(body.clone()).await.unwrap();
        file.settle(&[]).await.unwrap();
        file.complete().await.unwrap();
        assert_eq!(stored(&recorder).await.unwrap(), body, "{len}");
        assert_eq!(recorder.calls().len(), calls, "{len}: {:?}", recorder.calls());
    }
}

#[tokio::test]
async fn few_bytes_go_through_parts_where_one_request_cannot_be_stopped() {
    let recorder = recorder(None);
    let mut file = file(&recorder);
    file.place.is_local = true;
    write(&mut file, &body(3), 64).await.unwrap();
    assert_eq!(recorder.calls(), [Call::Create, Call::Part(0, HEADER_LEN + 3), Call::Complete(1)]);
}

#[tokio::test]
async fn nothing_is_visible_before_the_file_is_complete() {
    let recorder = recorder(None);
    let mut file = file(&recorder);
    file.put(body(10 * PART)).await.unwrap();
    file.settle(&HEADER).await.unwrap();
    assert_eq!(stored(&recorder).await, None);
    file.discard().await;
    assert_eq!(recorder.calls().last(), Some(&Call::Abort));
    assert_eq!(stored(&recorder).await, None);
}

#[tokio::test]
async fn failure_of_any_call_is_told_and_cleaned_up() {
    for fails in
        [Call::Create, Call::Part(1, PART), Call::Part(2, 72), Call::Part(0, PART), Call::Complete(3)]
    {
        let recorder = recorder(Some(fails.clone()));
        recorder.store.put(&Path::from("out/x.npy"), "old".into()).await.unwrap();
        let mut file = file(&recorder);
        let error = write(&mut file, &body(2 * PART - HEADER_LEN + 72), 50).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot write `s3://bucket/out/x.npy`", "{fails:?}");
        file.discard().await;
        let aborted = recorder.calls().contains(&Call::Abort);
        assert_eq!(aborted, fails != Call::Create, "{fails:?}");
        assert_eq!(stored(&recorder).await.unwrap(), "old", "{fails:?}");
    }
}

#[tokio::test]
async fn file_that_a_failed_completion_made_is_removed() {
    let mut recorder = recorder(Some(Call::Complete(2)));
    Arc::get_mut(&mut recorder).unwrap().completes_anyway = true;
    let mut file = file(&recorder);
    write(&mut file, &body(2 * PART - HEADER_LEN), 50).await.unwrap_err();
    assert!(stored(&recorder).await.is_some(), "the answer was lost, not the request");
    file.discard().await;
    assert_eq!(stored(&recorder).await, None);
}

#[tokio::test]
async fn complete_file_that_is_given_up_is_removed() {
    let recorder = recorder(None);
    let mut file = file(&recorder);
    write(&mut file, &body(1000), 50).await.unwrap();
    file.discard().await;
    assert_eq!(stored(&recorder).await, None);
    assert!(!recorder.calls().contains(&Call::Abort), "there is nothing left to abort");
}

#[tokio::test]
async fn parts_are_written_in_turn_to_a_disk() {
    let recorder = recorder(None);
    let mut file = file(&recorder);
    file.place.is_local = true;
    let body = body(FIRST + 3 * PART + 5);
    write(&mut file, &body, 100).await.unwrap();
    assert_eq!(stored(&recorder).await.unwrap(), [&HEADER[..], &body].concat());
    let parts = [(1, PART), (2, PART), (3, PART), (4, 5), (0, PART)];
    let parts = parts.map(|(number, bytes)| Call::Part(number, bytes));
    assert_eq!(recorder.calls(), [&[Call::Create][..], &parts, &[Call::Complete(5)]].concat());
}

#[tokio::test]
async fn file_of_too_many_parts_is_refused_by_a_bucket_alone() {
    let most = FIRST + (PARTS_MAX - 1) * PART;
    let on_disk = recorder(None);
    let mut file = file(&on_disk);
    file.place.is_local = true;
    write(&mut file, &body(most + 1), most + 1).await.unwrap();
    assert_eq!(stored(&on_disk).await.unwrap().len(), HEADER_LEN + most + 1);

    let recorder = recorder(None);
    let mut file = self::file(&recorder);
    file.put(body(most)).await.unwrap();
    file.put(body(1)).await.unwrap();
    let error = file.settle(&HEADER).await.unwrap_err();
    assert!(matches!(error, Error::CopyTooLong { parts: PARTS_MAX, part_bytes: PART, .. }), "{error}");
    file.discard().await;
    assert_eq!(recorder.calls().last(), Some(&Call::Abort));
}
