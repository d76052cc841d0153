// SPDX-License-Identifier: Apache-2.0
//! The proxy that spoils calls passes everything else on as it came, and spoils
//! what it is told to.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::proxy::{Call, Fault, Plan, Proxy, from, let_pass, nth};

const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\nhello";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n";
const GET: &str = "GET /bucket/key?list HTTP/1.1\r\nHost: proxy\r\nX-Odd:  two  blanks \r\n\r\n";
const PUT: &str = "PUT /bucket/key HTTP/1.1\r\nHost: proxy\r\nContent-Length: 10\r\n\r\n0123456789";

/// A server that hears `heard` bytes on each connection, again and again, and
/// answers each time; what it heard at the end is told.
fn server(heard: usize, answer: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell) = (stream.unwrap(), tell.clone());
            thread::spawn(move || {
                loop {
                    let mut text = Vec::new();
                    let mut block = [0; 512];
                    while text.len() < heard {
                        match stream.read(&mut block) {
                            Ok(0) | Err(_) => {
                                drop(tell.send(String::from_utf8(text).unwrap()));
                                return;
                            }
                            Ok(read) => text.extend(&block[..read]),
                        }
                    }
                    drop(tell.send(String::from_utf8(text).unwrap()));
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    (address, told)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

/// Sends a request, and returns what comes until the connection ends, and how it ended.
fn ask(proxy: &Proxy, request: &str) -> (String, Result<(), ErrorKind>) {
    let mut stream = connect(proxy);
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut answer = Vec::new();
    let sent = stream.write_all(request.as_bytes());
    let ended = sent.and_then(|()| stream.read_to_end(&mut answer)).map(drop).map_err(|error| error.kind());
    (String::from_utf8(answer).unwrap(), ended)
}

fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn always(fault: Fault) -> Plan {
    from(0, fault, |_| true)
}

#[test]
fn calls_and_answers_pass_unchanged_one_after_the_other() {
    for (request, answer) in [(GET, SHORT), (PUT, SHORT), (GET, CHUNKED), (PUT, CHUNKED)] {
        let (address, told) = server(request.len(), answer);
        let proxy = Proxy::of_http(&address, let_pass());
        let mut stream = connect(&proxy);
        for _ in 0..3 {
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(read(&mut stream, answer.len()), answer);
            assert_eq!(told.recv().unwrap(), request);
        }
        let what = request.split(" HTTP").next().unwrap();
        assert_eq!(proxy.calls(), [what; 3]);
        assert_eq!(proxy.faults(), 0);
    }
}

#[test]
fn an_answer_without_a_body_is_not_waited_for() {
    for (request, answer) in [
        ("HEAD /b/k HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("DELETE /b/k HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
    ] {
        let (address, _told) = server(request.len(), answer);
        let proxy = Proxy::of_http(&address, let_pass());
        let mut stream = connect(&proxy);
        for _ in 0..2 {
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(read(&mut stream, answer.len()), answer);
        }
    }
}

#[test]
fn a_reset_before_the_request_hides_it_from_the_server() {
    let (address, told) = server(PUT.len(), SHORT);
    let proxy = Proxy::of_http(&address, always(Fault::Reset));
    assert_eq!(ask(&proxy, PUT), (String::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(told.recv().unwrap(), "");
}

#[test]
fn a_reset_inside_the_request_gives_the_server_a_part_of_it() {
    let (address, told) = server(PUT.len(), SHORT);
    let proxy = Proxy::of_http(&address, always(Fault::ResetInside(4)));
    assert_eq!(ask(&proxy, PUT), (String::new(), Err(ErrorKind::ConnectionReset)));
    // What is not read before a reset may be lost, but never is there more.
    let heard = told.recv().unwrap();
    assert!(PUT[..PUT.len() - 6].starts_with(&heard), "{heard}");
}

#[test]
fn a_lost_answer_belongs_to_a_call_that_was_done() {
    let (address, told) = server(PUT.len(), SHORT);
    let proxy = Proxy::of_http(&address, always(Fault::LoseAnswer));
    assert_eq!(ask(&proxy, PUT), (String::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(told.recv().unwrap(), PUT);
    let proxy = Proxy::of_http(&address, always(Fault::AnswerInstead(500, "InternalError")));
    let (answer, _) = ask(&proxy, PUT);
    assert!(answer.starts_with("HTTP/1.1 500 InternalError\r\n"), "{answer}");
    assert!(told.iter().any(|heard| heard == PUT));
}

#[test]
fn an_answer_of_the_proxy_keeps_the_connection() {
    let (address, told) = server(PUT.len(), SHORT);
    let proxy =
        Proxy::of_http(&address, nth(0, Fault::Answer(503, "SlowDown"), |what| what.starts_with("PUT")));
    let mut stream = connect(&proxy);
    stream.write_all([PUT, PUT].concat().as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with("hello") {
        answer.push_str(&read(&mut stream, 1));
    }
    let (refused, answered) = answer.split_at(answer.len() - SHORT.len());
    assert!(refused.starts_with("HTTP/1.1 503 SlowDown\r\n"), "{refused}");
    assert!(refused.contains("<Code>SlowDown</Code>"), "{refused}");
    assert_eq!(answered, SHORT);
    assert_eq!(told.recv().unwrap(), PUT);
    assert_eq!(proxy.injected().into_iter().collect::<Vec<_>>(), [("error answered", 1)]);
}

#[test]
fn an_answer_is_cut_at_any_byte() {
    let (address, _told) = server(GET.len(), SHORT);
    for bytes in 0..SHORT.len() {
        let proxy = Proxy::of_http(&address, always(Fault::EndAnswer(bytes as u64)));
        assert_eq!(ask(&proxy, GET), (SHORT[..bytes].to_owned(), Ok(())));
        let proxy = Proxy::of_http(&address, always(Fault::CutAnswer(bytes as u64)));
        let (answer, ended) = ask(&proxy, GET);
        assert!(SHORT[..bytes].starts_with(&answer), "{answer}");
        assert_eq!(ended, Err(ErrorKind::ConnectionReset));
    }
    let proxy = Proxy::of_http(&address, always(Fault::StallAnswer(40)));
    assert_eq!(ask(&proxy, GET), (SHORT[..40].to_owned(), Err(ErrorKind::WouldBlock)));
}

#[test]
fn a_stalled_call_is_neither_passed_on_nor_answered() {
    let (address, told) = server(GET.len(), SHORT);
    let proxy = Proxy::of_http(&address, always(Fault::Stall));
    assert_eq!(ask(&proxy, GET), (String::new(), Err(ErrorKind::WouldBlock)));
    assert!(told.try_recv().is_err());
    let began = Instant::now();
    let proxy = Proxy::of_http(&address, always(Fault::Delay(Duration::from_millis(200))));
    let mut stream = connect(&proxy);
    stream.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read(&mut stream, SHORT.len()), SHORT);
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_server_that_is_away_refuses_and_resets_and_comes_back() {
    let (address, _told) = server(GET.len(), SHORT);
    let proxy = Proxy::of_http(&address, let_pass());
    let mut other = connect(&proxy);
    other.write_all(GET.as_bytes()).unwrap();
    read(&mut other, SHORT.len());
    proxy.plan(nth(0, Fault::Down(Duration::from_millis(400)), |_| true));
    assert_eq!(ask(&proxy, GET).1, Err(ErrorKind::ConnectionReset));
    let mut byte = [0];
    assert_eq!(other.read(&mut byte).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let place = proxy.address().trim_start_matches("http://").to_owned();
    let refused = (0..30).any(|_| {
        thread::sleep(Duration::from_millis(5));
        TcpStream::connect(&place).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    assert!(refused);
    thread::sleep(Duration::from_millis(800));
    let mut stream = connect(&proxy);
    stream.write_all(GET.as_bytes()).unwrap();
    assert_eq!(read(&mut stream, SHORT.len()), SHORT);
}

#[test]
fn plans_choose_by_number_and_kind() {
    let call = |number, what: &str| Call { number, what: what.into() };
    let chosen = |mut plan: Plan| -> Vec<bool> {
        let calls = ["PUT /a", "GET /a", "PUT /b", "PUT /c"];
        calls.iter().enumerate().map(|(number, what)| plan(&call(number, what)).is_some()).collect()
    };
    let is_put = |what: &str| what.starts_with("PUT");
    assert_eq!(chosen(nth(1, Fault::Reset, is_put)), [false, false, true, false]);
    assert_eq!(chosen(nth(0, Fault::Reset, is_put)), [true, false, false, false]);
    assert_eq!(chosen(from(1, Fault::Reset, is_put)), [false, false, true, true]);
    assert_eq!(chosen(let_pass()), [false; 4]);
}
