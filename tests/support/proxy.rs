// SPDX-License-Identifier: Apache-2.0
//! A proxy that stands between m2m and a real server and spoils what a plan
//! chooses: calls of HTTP/1.1 (S3) or of gRPC (Milvus). What it lets pass, it
//! passes on byte for byte, so that signatures over the host stay right.

mod grpc;
mod http;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The connection is reset, and the server never hears of the call.
    Reset,
    /// The connection is reset when so many bytes of the body were passed on (HTTP).
    ResetInside(u64),
    /// The proxy answers with a status, and the server never hears of the call.
    Answer(u16, &'static str),
    /// The server does what it is asked, and the connection is reset before it answers.
    LoseAnswer,
    /// The server does what it is asked, and the proxy answers with a status.
    AnswerInstead(u16, &'static str),
    /// The call is passed on after a while.
    Delay(Duration),
    /// The connection is reset when so many bytes of the answer were passed on.
    CutAnswer(u64),
    /// As [`Fault::CutAnswer`], but the connection ends in an orderly way (HTTP).
    EndAnswer(u64),
    /// The server never hears of the call, and nothing answers.
    Stall,
    /// So many bytes of the answer are passed on, and then none, nor an end.
    StallAnswer(u64),
    /// Every connection is reset, and nothing listens for a while.
    Down(Duration),
}

impl Fault {
    /// The kind, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Reset => "reset before the request",
            Self::ResetInside(_) => "reset inside the request",
            Self::Answer(..) => "error answered",
            Self::LoseAnswer => "answer lost",
            Self::AnswerInstead(..) => "done, but an error answered",
            Self::Delay(_) => "delay",
            Self::CutAnswer(_) => "answer cut by a reset",
            Self::EndAnswer(_) => "answer cut by an end",
            Self::Stall => "no answer",
            Self::StallAnswer(_) => "answer without an end",
            Self::Down(_) => "server away",
        }
    }
}

/// A call that came in.
#[derive(Debug)]
pub(crate) struct Call {
    /// How many came before it.
    pub(crate) number: usize,
    /// `PUT /bucket/key?query`, or the name of the gRPC method.
    pub(crate) what: String,
}

/// Chooses what becomes of each call.
pub(crate) type Plan = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

/// Lets everything pass.
pub(crate) fn let_pass() -> Plan {
    Box::new(|_| None)
}

/// Spoils, once, the call that follows `after` others of which `is_one` is true.
pub(crate) fn nth(after: usize, fault: Fault, is_one: impl Fn(&str) -> bool + Send + 'static) -> Plan {
    let mut seen = 0;
    Box::new(move |call| {
        seen += usize::from(is_one(&call.what));
        (seen == after + 1 && is_one(&call.what)).then_some(fault)
    })
}

/// Spoils every call from then on.
pub(crate) fn from(after: usize, fault: Fault, is_one: impl Fn(&str) -> bool + Send + 'static) -> Plan {
    let mut seen = 0;
    Box::new(move |call| {
        let is_one = is_one(&call.what);
        seen += usize::from(is_one);
        (is_one && seen > after).then_some(fault)
    })
}

/// What a proxy speaks.
#[derive(Clone, Copy)]
enum Protocol {
    Http,
    Grpc,
}

struct Shared {
    protocol: Protocol,
    server: SocketAddr,
    plan: Mutex<Plan>,
    injected: Mutex<BTreeMap<&'static str, usize>>,
    calls: Mutex<Vec<String>>,
    /// For how long nothing shall listen.
    down: watch::Sender<Duration>,
}

impl Shared {
    fn fault(&self, what: String) -> Option<Fault> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(what.clone());
            calls.len() - 1
        };
        let fault = (self.plan.lock().unwrap())(&Call { number, what })?;
        *self.injected.lock().unwrap().entry(fault.kind()).or_default() += 1;
        if let Fault::Down(time) = fault {
            self.down.send_replace(time);
        }
        Some(fault)
    }
}

/// A running proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Before a server of HTTP/1.1, at `http://host:port` or `host:port`.
    pub(crate) fn of_http(server: &str, plan: Plan) -> Self {
        Self::start(Protocol::Http, server, plan)
    }

    /// Before a server of gRPC.
    pub(crate) fn of_grpc(server: &str, plan: Plan) -> Self {
        Self::start(Protocol::Grpc, server, plan)
    }

    fn start(protocol: Protocol, server: &str, plan: Plan) -> Self {
        let server = server.trim_start_matches("http://").parse().unwrap();
        let shared = Arc::new(Shared {
            protocol,
            server,
            plan: Mutex::new(plan),
            injected: Mutex::default(),
            calls: Mutex::default(),
            down: watch::Sender::new(Duration::ZERO),
        });
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let ours = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = listen(listener, ours) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self { address: told.recv().unwrap(), shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where m2m shall believe the server to be.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Chooses anew what becomes of calls.
    pub(crate) fn plan(&self, plan: Plan) {
        *self.shared.plan.lock().unwrap() = plan;
    }

    /// How many faults of each kind there were.
    pub(crate) fn injected(&self) -> BTreeMap<&'static str, usize> {
        self.shared.injected.lock().unwrap().clone()
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> usize {
        self.injected().values().sum()
    }

    /// What came in, in this order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.shared.calls.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Takes connections, and takes none while the server is to be away.
async fn listen(mut listener: TcpListener, shared: Arc<Shared>) {
    let address = listener.local_addr().unwrap();
    let mut down = shared.down.subscribe();
    loop {
        tokio::select! {
            taken = listener.accept() => {
                if let Ok((client, _)) = taken {
                    tokio::spawn(connection(Arc::clone(&shared), client));
                }
            }
            changed = down.changed() => {
                changed.unwrap();
                let time = *down.borrow_and_update();
                drop(listener);
                sleep(time).await;
                listener = TcpListener::bind(address).await.unwrap();
            }
        }
    }
}

/// How a connection ends for the client.
enum End {
    Orderly,
    Reset,
}

async fn connection(shared: Arc<Shared>, mut client: TcpStream) {
    let mut down = shared.down.subscribe();
    let Ok(mut server) = TcpStream::connect(shared.server).await else {
        drop(client.set_zero_linger());
        return;
    };
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let served = async {
        match shared.protocol {
            Protocol::Http => http::serve(&shared, &mut client, &mut server).await,
            Protocol::Grpc => grpc::serve(&shared, &mut client, &mut server).await,
        }
    };
    let end: io::Result<End> = tokio::select! {
        end = served => end,
        _ = down.changed() => Ok(End::Reset),
    };
    if !matches!(end, Ok(End::Orderly)) {
        drop((client.set_zero_linger(), server.set_zero_linger()));
    }
}
