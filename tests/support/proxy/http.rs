// SPDX-License-Identifier: Apache-2.0
//! Requests and answers of HTTP/1.1, one after the other on a connection.

use std::future::pending;
use std::io::{self, ErrorKind};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{End, Fault, Shared};

const BLOCK: usize = 64 << 10;

/// Passes on the calls of one connection.
pub(super) async fn serve(
    shared: &Shared,
    client: &mut TcpStream,
    server: &mut TcpStream,
) -> io::Result<End> {
    let (from_client, mut to_client) = client.split();
    let (from_server, mut to_server) = server.split();
    let (mut from_client, mut from_server) = (BufReader::new(from_client), BufReader::new(from_server));
    loop {
        let request = tokio::select! {
            head = Head::read(&mut from_client) => head?,
            // A server that ends a connection between two calls ends it for the client too.
            _ = from_server.fill_buf() => None,
        };
        let Some(request) = request else { return Ok(End::Orderly) };
        let what = request.what();
        let fault = shared.fault(what.clone());
        let body = request.body();
        match fault {
            Some(Fault::Reset | Fault::Down(_)) => return Ok(End::Reset),
            Some(Fault::Stall) => pending().await,
            Some(Fault::Delay(time)) => sleep(time).await,
            Some(Fault::Answer(status, code)) => {
                copy(&mut from_client, body, &mut Outlet::nowhere()).await?;
                to_client.write_all(answer(status, code, what.starts_with("HEAD ")).as_bytes()).await?;
                continue;
            }
            _ => {}
        }
        let taken = if let Some(Fault::ResetInside(bytes)) = fault { bytes } else { u64::MAX };
        to_server.write_all(&request.bytes).await?;
        copy(&mut from_client, body, &mut Outlet { to: Some(&mut to_server), left: taken }).await?;

        let Some(response) = Head::read(&mut from_server).await? else { return Ok(End::Orderly) };
        let body = if what.starts_with("HEAD ") || response.is_without_body() {
            Body::Length(0)
        } else {
            response.body_of_answer()
        };
        if let Some(Fault::LoseAnswer | Fault::AnswerInstead(..)) = fault {
            copy(&mut from_server, body, &mut Outlet::nowhere()).await?;
            let Some(Fault::AnswerInstead(status, code)) = fault else { return Ok(End::Reset) };
            to_client.write_all(answer(status, code, what.starts_with("HEAD ")).as_bytes()).await?;
            continue;
        }
        let left = match fault {
            Some(Fault::CutAnswer(bytes) | Fault::EndAnswer(bytes) | Fault::StallAnswer(bytes)) => bytes,
            _ => u64::MAX,
        };
        let mut outlet = Outlet { to: Some(&mut to_client), left };
        let passed = async {
            outlet.put(&response.bytes).await?;
            copy(&mut from_server, body, &mut outlet).await
        };
        match (passed.await, fault) {
            (Ok(()), None | Some(Fault::Delay(_))) if body != Body::ToEnd => {}
            (Ok(()), None | Some(Fault::Delay(_))) => return Ok(End::Orderly),
            (_, Some(Fault::EndAnswer(_))) => return Ok(End::Orderly),
            (_, Some(Fault::StallAnswer(_))) => pending().await,
            (Err(error), _) => return Err(error),
            (Ok(()), _) => return Ok(End::Reset),
        }
    }
}

/// An error in the form of S3.
fn answer(status: u16, code: &str, is_head: bool) -> String {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>said by the proxy</Message><RequestId>1</RequestId></Error>"
    );
    let length = body.len();
    let body = if is_head { "" } else { &body };
    format!(
        "HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// The first line and the fields of a request or an answer, as they came.
struct Head {
    bytes: Vec<u8>,
}

impl Head {
    /// Reads a head; none where the connection ends before one begins.
    async fn read(from: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            from.read_until(b'\n', &mut bytes).await?;
            match bytes.len() - before {
                0 if before == 0 => return Ok(None),
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                2 if bytes.ends_with(b"\r\n") => return Ok(Some(Self { bytes })),
                _ => {}
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Method and target of a request.
    fn what(&self) -> String {
        self.text().split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    fn field(&self, name: &str) -> Option<String> {
        self.text().lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    }

    fn body(&self) -> Body {
        if self.field("transfer-encoding").is_some_and(|how| how.contains("chunked")) {
            return Body::Chunked;
        }
        Body::Length(self.field("content-length").map_or(0, |length| length.parse().unwrap()))
    }

    fn body_of_answer(&self) -> Body {
        let has_length = self.field("content-length").is_some();
        if has_length || self.body() == Body::Chunked { self.body() } else { Body::ToEnd }
    }

    fn is_without_body(&self) -> bool {
        let status = self.text().split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        matches!(status, Some(100..200 | 204 | 304))
    }
}

/// How long a body is.
#[derive(Clone, Copy, PartialEq)]
enum Body {
    Length(u64),
    Chunked,
    ToEnd,
}

/// Takes so many bytes and then refuses.
struct Outlet<'a, W> {
    to: Option<&'a mut W>,
    left: u64,
}

impl Outlet<'static, TcpStream> {
    /// Takes everything and keeps nothing.
    fn nowhere() -> Self {
        Self { to: None, left: u64::MAX }
    }
}

impl<W: AsyncWrite + Unpin> Outlet<'_, W> {
    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = bytes.len().min(usize::try_from(self.left).unwrap());
        if let Some(to) = &mut self.to {
            to.write_all(&bytes[..taken]).await?;
        }
        self.left -= taken as u64;
        if taken < bytes.len() { Err(ErrorKind::QuotaExceeded.into()) } else { Ok(()) }
    }
}

/// Copies a body as it came.
async fn copy<W: AsyncWrite + Unpin>(
    from: &mut (impl AsyncBufRead + Unpin),
    body: Body,
    to: &mut Outlet<'_, W>,
) -> io::Result<()> {
    match body {
        Body::Length(length) => copy_some(from, length, to).await,
        Body::ToEnd => match copy_some(from, u64::MAX, to).await {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            done => done,
        },
        Body::Chunked => loop {
            let mut line = Vec::new();
            from.read_until(b'\n', &mut line).await?;
            to.put(&line).await?;
            let text = String::from_utf8_lossy(&line);
            let digits = text.trim().split(';').next().unwrap_or_default();
            let length = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
            // A chunk, or the lack of trailers, ends with a line's end.
            copy_some(from, length + 2, to).await?;
            if length == 0 {
                return Ok(());
            }
        },
    }
}

async fn copy_some<W: AsyncWrite + Unpin>(
    from: &mut (impl AsyncBufRead + Unpin),
    mut left: u64,
    to: &mut Outlet<'_, W>,
) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    while left > 0 {
        let wanted = block.len().min(usize::try_from(left).unwrap());
        let read = from.read(&mut block[..wanted]).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        to.put(&block[..read]).await?;
        left -= read as u64;
    }
    Ok(())
}
