// SPDX-License-Identifier: Apache-2.0
//! Calls of gRPC in frames of HTTP/2. Header tables of both sides stay as they
//! are, because header frames of one connection pass all or, after a fault, no
//! longer; the name of a method is read from the request's path, which clients
//! made with tonic put into no table.

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{End, Fault, Shared};

const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The reason `CANCEL` of a RST_STREAM.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A frame as it came, its head of nine bytes included.
struct Frame {
    bytes: Vec<u8>,
}

impl Frame {
    fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        Self { bytes }
    }

    async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = vec![0; HEAD];
        from.read_exact(&mut bytes).await?;
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        bytes.resize(HEAD + length, 0);
        from.read_exact(&mut bytes[HEAD..]).await?;
        Ok(Self { bytes })
    }

    fn kind(&self) -> u8 {
        self.bytes[3]
    }

    fn stream(&self) -> u32 {
        u32::from_be_bytes([self.bytes[5], self.bytes[6], self.bytes[7], self.bytes[8]]) & 0x7fff_ffff
    }

    fn ends_stream(&self) -> bool {
        self.kind() == RST_STREAM
            || (matches!(self.kind(), DATA | HEADERS) && self.bytes[4] & END_STREAM != 0)
    }

    fn is_of_call(&self) -> bool {
        matches!(self.kind(), DATA | HEADERS | RST_STREAM)
    }
}

/// What a connection brings.
enum Event {
    OfClient(Frame),
    OfServer(Frame),
    ClientGone,
    ServerGone,
}

/// A call that must not be broken off: a Milvus 2.3.5 whose caller goes away while it
/// asks its coordinator for a job's state ends by a nil pointer.
const FRAGILE: &str = "GetImportState";
/// How long the answer of such a call is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// Passes on the calls of one connection.
pub(super) async fn serve(
    shared: &Shared,
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> io::Result<End> {
    let mut preface = [0; PREFACE];
    client.read_exact(&mut preface).await?;
    server.write_all(&preface).await?;
    let (mut from_client, to_client) = client.split();
    let (mut from_server, to_server) = server.split();
    let (send, mut events) = mpsc::unbounded_channel();
    let mut calls = Calls {
        shared,
        to_client,
        to_server,
        faults: HashMap::new(),
        fragile: HashSet::new(),
        is_silent: false,
    };
    let passed = async {
        let mut is_client_gone = false;
        loop {
            let end = match events.recv().await {
                Some(Event::OfClient(frame)) => calls.of_client(&frame).await?,
                Some(Event::OfServer(frame)) if is_client_gone => {
                    calls.heard(&frame);
                    None
                }
                Some(Event::OfServer(frame)) => calls.of_server(&frame).await?,
                Some(Event::ClientGone) => {
                    is_client_gone = true;
                    None
                }
                Some(Event::ServerGone) | None => Some(End::Orderly),
            };
            if end.is_some() || is_client_gone && calls.fragile.is_empty() {
                return Ok(end.unwrap_or(End::Orderly));
            }
        }
    };
    let read = async {
        let of_client = async {
            read_all(&mut from_client, Event::OfClient, &send).await;
            drop(send.send(Event::ClientGone));
            sleep(ANSWER).await;
        };
        let of_server = async {
            read_all(&mut from_server, Event::OfServer, &send).await;
            drop(send.send(Event::ServerGone));
            pending::<()>().await;
        };
        tokio::select! {
            () = of_client => {}
            () = of_server => {}
        }
    };
    tokio::select! {
        end = passed => end,
        () = read => Ok(End::Orderly),
    }
}

async fn read_all(
    from: &mut (impl AsyncRead + Unpin),
    event: impl Fn(Frame) -> Event,
    to: &mpsc::UnboundedSender<Event>,
) {
    while let Ok(frame) = Frame::read(from).await {
        drop(to.send(event(frame)));
    }
}

struct Calls<'a, C, S> {
    shared: &'a Shared,
    to_client: C,
    to_server: S,
    faults: HashMap<u32, Fault>,
    /// Calls on their way that must not be broken off.
    fragile: HashSet<u32>,
    /// Whether nothing of the server comes through any more.
    is_silent: bool,
}

impl<C: AsyncWriteExt + Unpin, S: AsyncWriteExt + Unpin> Calls<'_, C, S> {
    async fn of_client(&mut self, frame: &Frame) -> io::Result<Option<End>> {
        if frame.kind() == HEADERS
            && let Some(path) = path(&frame.bytes[HEAD..])
        {
            let method = path.rsplit('/').next().unwrap_or_default().to_owned();
            if method == FRAGILE {
                self.fragile.insert(frame.stream());
            }
            if let Some(fault) = self.shared.fault(method) {
                self.faults.insert(frame.stream(), fault);
                self.fragile.remove(&frame.stream());
            }
        }
        let fault = self.faults.get(&frame.stream()).copied().filter(|_| frame.is_of_call());
        match fault {
            Some(Fault::Reset | Fault::Down(_)) => return Ok(Some(End::Reset)),
            Some(Fault::Delay(time)) if frame.kind() == HEADERS => sleep(time).await,
            // The server knows that there is a call, and never what is asked.
            Some(Fault::Stall | Fault::Answer(..)) if frame.kind() == DATA => return Ok(None),
            None if frame.kind() == RST_STREAM && self.fragile.contains(&frame.stream()) => return Ok(None),
            _ => {}
        }
        self.to_server.write_all(&frame.bytes).await?;
        if let Some(Fault::Answer(status, text)) = fault
            && frame.kind() == HEADERS
        {
            let cancel = Frame::new(RST_STREAM, 0, frame.stream(), &CANCEL);
            self.to_server.write_all(&cancel.bytes).await?;
            self.to_client.write_all(&refusal(frame.stream(), status, text).bytes).await?;
        }
        Ok(None)
    }

    /// Notes an answer that nobody waits for, or that is passed on.
    fn heard(&mut self, frame: &Frame) {
        if frame.ends_stream() {
            self.fragile.remove(&frame.stream());
        }
    }

    async fn of_server(&mut self, frame: &Frame) -> io::Result<Option<End>> {
        self.heard(frame);
        if self.is_silent {
            return Ok(None);
        }
        match self.faults.get(&frame.stream()).copied().filter(|_| frame.is_of_call()) {
            Some(Fault::Answer(..) | Fault::Stall) => return Ok(None),
            Some(Fault::LoseAnswer) => return Ok(frame.ends_stream().then_some(End::Reset)),
            Some(Fault::AnswerInstead(status, text)) if frame.ends_stream() => {
                self.to_client.write_all(&refusal(frame.stream(), status, text).bytes).await?;
                return Ok(Some(End::Orderly));
            }
            Some(Fault::AnswerInstead(..)) => return Ok(None),
            Some(Fault::CutAnswer(bytes) | Fault::EndAnswer(bytes)) => {
                let taken = frame.bytes.len().min(usize::try_from(bytes).unwrap());
                self.to_client.write_all(&frame.bytes[..taken]).await?;
                if taken < frame.bytes.len() || frame.ends_stream() {
                    return Ok(Some(End::Reset));
                }
                self.faults.insert(frame.stream(), Fault::CutAnswer(bytes - taken as u64));
            }
            Some(Fault::StallAnswer(_)) => self.is_silent = true,
            _ => self.to_client.write_all(&frame.bytes).await?,
        }
        Ok(None)
    }
}

/// An answer that is nothing but a status. It enters nothing into a header table.
fn refusal(stream: u32, status: u16, text: &str) -> Frame {
    // `:status: 200` is entry 8 of the static table.
    let mut block = vec![0x88];
    let status = status.to_string();
    for (name, value) in
        [("content-type", "application/grpc"), ("grpc-status", &status), ("grpc-message", text)]
    {
        block.push(0);
        for part in [name, value] {
            block.push(u8::try_from(part.len()).unwrap());
            block.extend(part.as_bytes());
        }
    }
    Frame::new(HEADERS, END_STREAM | END_HEADERS, stream, &block)
}

/// The path in the headers of a request.
fn path(block: &[u8]) -> Option<String> {
    // A field without an index, whose name is entry 4 of the static table, with a Huffman code as value.
    block.windows(2).enumerate().filter(|(_, two)| two[0] == 4 && two[1] & 0x80 != 0).find_map(|(at, two)| {
        let code = block.get(at + 2..at + 2 + usize::from(two[1] & 0x7f))?;
        letters(code).filter(|path| path.starts_with('/'))
    })
}

/// The letters of HPACK's code with 5, 6 and 7 bits, in the order of their codes.
const LETTERS: [(u32, u32, &str); 3] = [
    (5, 0, "012aceiost"),
    (6, 0x14, " %-./3456789=A_bdfghlmnpru"),
    (7, 0x5c, ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
];

fn letters(code: &[u8]) -> Option<String> {
    let bits: Vec<u32> =
        code.iter().flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1))).collect();
    let (mut text, mut at) = (String::new(), 0);
    // What is left at the end is ones.
    while bits.len() - at >= 5 && !(bits.len() - at < 8 && bits[at..].iter().all(|bit| *bit == 1)) {
        let (length, letter) = LETTERS.iter().find_map(|(length, first, letters)| {
            let length = *length as usize;
            let value = bits.get(at..at + length)?.iter().fold(0, |value, bit| value << 1 | bit);
            let place = value.checked_sub(*first)? as usize;
            Some((length, *letters.as_bytes().get(place)?))
        })?;
        text.push(char::from(letter));
        at += length;
    }
    Some(text)
}

#[test]
fn codes_of_the_standard_are_read() {
    // Appendix C.4 of RFC 7541.
    for (code, text) in [
        (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
        (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
        (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
        (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
    ] {
        assert_eq!(letters(code).as_deref(), Some(text));
    }
    assert_eq!(letters(b"\xff\xff\xff\xff"), None);
}

#[test]
fn a_path_is_found_between_other_fields() {
    // `/a` is 6 bits and 5 bits, and ones up to the byte's end.
    let code = [0b0110_0000, 0b0111_1111];
    let block = [&[0x83, 0x86, 0x04, 0x82][..], &code, &[0x41, 0x8a, 0x04, 0x85]].concat();
    assert_eq!(path(&block).as_deref(), Some("/a"));
    assert_eq!(path(&block[..4]), None);
}

#[test]
fn frames_are_read_as_they_were_made() {
    let refusal = refusal(7, 14, "away");
    assert_eq!((refusal.kind(), refusal.stream(), refusal.ends_stream()), (HEADERS, 7, true));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let again = runtime.block_on(Frame::read(&mut &refusal.bytes[..])).unwrap();
    assert_eq!(again.bytes, refusal.bytes);
    assert!(runtime.block_on(Frame::read(&mut &refusal.bytes[..20])).is_err());
}
