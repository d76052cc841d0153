// SPDX-License-Identifier: Apache-2.0
//! A server that answers as it is told: for failures that a real one does not
//! have on demand. It speaks HTTP/2 itself, so that it can end anywhere.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use prost::Message;
use prost::bytes::{BufMut, Bytes, BytesMut};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tonic::Code;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response};

use crate::proto::{common, milvus as pb, schema};

/// How a call is answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// As a server does that is well.
    Well,
    /// With a message.
    Reply(Vec<u8>),
    /// With a status in place of a message.
    Code(Code, &'static str),
    /// By something on the way that speaks no gRPC.
    Http(u16),
    /// Well, after a while.
    Late(Duration),
    /// Never.
    Silence,
    /// With the end of this call.
    Reset(Reason),
    /// With the end of the connection.
    Cut,
    /// With half a message, and the end of the connection.
    Half,
    /// With half a message, as if it were whole.
    Short,
}

impl Answer {
    pub(super) fn of(message: &impl Message) -> Self {
        Self::Reply(message.encode_to_vec())
    }

    /// A refusal in an ordinary answer whose status is a field of it.
    pub(super) fn refusal(code: i32, error_code: i32, reason: &str) -> Self {
        let status = common::Status { code, error_code, reason: reason.to_owned(), retriable: false };
        Self::of(&pb::BoolResponse { status: Some(status), value: false })
    }
}

/// A call that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    /// The deadline as it is sent.
    pub(super) timeout: Option<String>,
}

#[derive(Debug, Default)]
struct Script {
    /// By method; the last answer of a list stays.
    answers: BTreeMap<String, VecDeque<Answer>>,
    seen: Vec<Seen>,
    /// Methods whose caller went away before the answer.
    broken_off: Vec<String>,
}

impl Script {
    fn next(&mut self, seen: Seen) -> Answer {
        let answers = self.answers.get_mut(&seen.method);
        self.seen.push(seen);
        match answers {
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
            Some(answers) => answers.front().cloned().unwrap_or(Answer::Well),
            None => Answer::Well,
        }
    }
}

/// The server. It ends, with its connections, when this is dropped.
#[derive(Debug)]
pub(super) struct StandIn {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

impl StandIn {
    pub(super) async fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub(super) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        let task = tokio::spawn(listen(listener, Arc::clone(&script)));
        Self { address, script, task }
    }

    /// How a method is answered from now on; the last answer stays.
    pub(super) fn answer(&self, method: &str, answers: impl IntoIterator<Item = Answer>) {
        let answers = answers.into_iter().collect();
        self.script.lock().unwrap().answers.insert(method.to_owned(), answers);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.script.lock().unwrap().seen.clone()
    }

    /// The calls whose callers went away while they were waiting for [`Answer::Late`].
    pub(super) fn broken_off(&self) -> Vec<String> {
        self.script.lock().unwrap().broken_off.clone()
    }

    /// How often a method was called.
    pub(super) fn count(&self, method: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method).count()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, script: Arc<Mutex<Script>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&script)));
    }
}

async fn serve(stream: TcpStream, script: Arc<Mutex<Script>>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let cut = Arc::new(Notify::new());
    let mut calls = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = cut.notified() => return,
        };
        let Some(Ok((request, respond))) = accepted else { return };
        calls.spawn(answer(request, respond, Arc::clone(&script), Arc::clone(&cut)));
    }
}

/// Errors are left: the client may have gone.
async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    script: Arc<Mutex<Script>>,
    cut: Arc<Notify>,
) {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let timeout = request.headers().get("grpc-timeout").map(|value| value.to_str().unwrap().to_owned());
    let mut body = request.into_body();
    while let Some(Ok(chunk)) = body.data().await {
        body.flow_control().release_capacity(chunk.len()).ok();
    }
    let answer = script.lock().unwrap().next(Seen { method: method.clone(), timeout });
    match answer {
        Answer::Well => whole(&mut respond, &well(&method)),
        Answer::Reply(message) => whole(&mut respond, &message),
        Answer::Code(code, message) => {
            let head = head().header("grpc-status", i32::from(code)).header("grpc-message", message);
            respond.send_response(head.body(()).unwrap(), true).ok();
        }
        Answer::Http(status) => {
            let head = Response::builder().status(status).body(()).unwrap();
            respond.send_response(head, true).ok();
        }
        Answer::Late(pause) => {
            let gone = std::future::poll_fn(|context| respond.poll_reset(context));
            if tokio::time::timeout(pause, gone).await.is_ok() {
                return script.lock().unwrap().broken_off.push(method);
            }
            whole(&mut respond, &well(&method));
        }
        Answer::Silence => std::future::pending().await,
        Answer::Reset(reason) => respond.send_reset(reason),
        Answer::Cut => cut.notify_one(),
        Answer::Half | Answer::Short => {
            let is_short = matches!(answer, Answer::Short);
            let mut message = framed(b"a message that has an end");
            message.truncate(12);
            let mut stream = respond.send_response(head().body(()).unwrap(), false).unwrap();
            stream.send_data(message, is_short).ok();
            if !is_short {
                // What was sent is to arrive before the connection ends.
                tokio::time::sleep(Duration::from_millis(50)).await;
                cut.notify_one();
                std::future::pending::<()>().await;
            }
        }
    }
}

fn head() -> tonic::codegen::http::response::Builder {
    Response::builder().status(200).header("content-type", "application/grpc")
}

fn whole(respond: &mut SendResponse<Bytes>, message: &[u8]) {
    let Ok(mut stream) = respond.send_response(head().body(()).unwrap(), false) else { return };
    stream.send_data(framed(message), false).ok();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    stream.send_trailers(trailers).ok();
}

fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

/// The least that each method may answer.
fn well(method: &str) -> Vec<u8> {
    let status = Some(common::Status::default());
    match method {
        "CreateDatabase" | "CreateCollection" | "DropCollection" | "CreatePartition" | "CreateIndex"
        | "LoadCollection" | "ReleaseCollection" => Vec::new(),
        "GetVersion" => pb::GetVersionResponse { status, version: "v2.3.5".to_owned() }.encode_to_vec(),
        "HasCollection" => pb::BoolResponse { status, value: true }.encode_to_vec(),
        "DescribeCollection" => {
            let schema = Some(schema::CollectionSchema::default());
            pb::DescribeCollectionResponse { status, schema, ..Default::default() }.encode_to_vec()
        }
        "GetFlushState" => pb::GetFlushStateResponse { status, flushed: true }.encode_to_vec(),
        "Import" => pb::ImportResponse { status, tasks: vec![7] }.encode_to_vec(),
        // Every other answer has its status where this one has it.
        _ => pb::BoolResponse { status, value: false }.encode_to_vec(),
    }
}
