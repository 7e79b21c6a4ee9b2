//! A connection that asks one thing after the other, with as little work of its own as there can be.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use httparse::{EMPTY_HEADER, Response, Status};

const PATIENCE: Duration = Duration::from_secs(10);
const HEADERS: usize = 32;
/// No answer asked for here is larger.
const LARGEST_ANSWER: usize = 1 << 20;

pub struct Connection {
    host: String,
    socket: TcpStream,
    buffer: Vec<u8>,
}

pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    pub fn open(address: &str) -> Result<Self> {
        let socket = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { host: address.to_owned(), socket, buffer: vec![0; LARGEST_ANSWER] })
    }

    /// Asks for a path, and waits for the whole answer.
    pub fn get(&mut self, path: &str) -> Result<Answer<'_>> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.socket.write_all(request.as_bytes())?;
        let mut filled = 0;
        loop {
            let Some(free @ [_, ..]) = self.buffer.get_mut(filled..) else {
                bail!("the answer to {path} is longer than {LARGEST_ANSWER} bytes")
            };
            filled += match self.socket.read(free).with_context(|| format!("no answer to {path}"))? {
                0 => bail!("the connection ended within the answer to {path}"),
                read => read,
            };
            if let Some(Head { status, body, end }) = head(&self.buffer[..filled])?
                && end <= filled
            {
                return Ok(Answer { status, body: &self.buffer[body..end] });
            }
        }
    }
}

/// What precedes an answer's body, and where the body is.
struct Head {
    status: u16,
    body: usize,
    end: usize,
}

fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut response = Response::new(&mut headers);
    let Status::Complete(body) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.context("an answer without a status")?;
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.context("an answer without a length")?.value;
    let length: usize = std::str::from_utf8(length)?.parse()?;
    Ok(Some(Head { status, body, end: body + length }))
}
