//! A server on this machine that fails in every way.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The name of the one file that it has.
pub const NAME: &str = "file.bin";

/// What the file holds: no two places of it are alike.
pub fn content() -> Vec<u8> {
    (0..5000u32)
        .flat_map(|i| (i * i + i / 7).to_le_bytes())
        .collect()
}

/// How a server answers a request.
#[derive(Clone)]
pub enum Answer {
    /// With the part that was asked for.
    Good,
    /// The same, but the connection breaks after so many bytes.
    Broken(usize),
    /// With the whole file, whatever was asked for.
    Whole,
    /// With other bytes, as many as there should be.
    Other,
    /// With a file of another size.
    Sized(usize),
    /// With bytes without end.
    Endless,
    /// With another range than was asked for.
    Displaced,
    /// With a status and nothing else.
    Status(&'static str),
    /// By sending the client to another address.
    Elsewhere(String),
}

/// A server that gives one answer after the other, the last one for ever.
pub struct Server {
    /// Its address.
    pub place: String,
    /// The ranges that were asked for.
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    pub fn start(answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("http://{}", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (answers, asked) = (answers.to_vec(), Arc::clone(&ranges));
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let range = range(&stream);
                asked.lock().unwrap().push(range);
                let answer = &answers[index.min(answers.len() - 1)];
                // The client may hang up in the middle.
                let _ = answer.send(&mut stream, range);
            }
        });
        Self { place, ranges }
    }

    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.ranges.lock().unwrap().clone()
    }
}

/// Reads a request and returns where its range begins.
fn range(stream: &TcpStream) -> Option<usize> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    let mut range = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(from) = line.to_lowercase().strip_prefix("range: bytes=") {
            range = from.trim_end_matches('-').parse().ok();
        }
    }
    range
}

impl Answer {
    fn send(&self, stream: &mut TcpStream, range: Option<usize>) -> std::io::Result<()> {
        let whole = content();
        let total = whole.len();
        let from = range.unwrap_or(0);
        let partial = |from: usize| match range {
            Some(_) => format!(
                "206 Partial Content\r\ncontent-range: bytes {from}-{}/{total}",
                total - 1
            ),
            None => "200 OK".to_owned(),
        };
        let (status, body, length) = match self {
            Self::Good => (partial(from), whole[from..].to_vec(), total - from),
            Self::Broken(bytes) => (
                partial(from),
                whole[from..][..*bytes].to_vec(),
                total - from,
            ),
            Self::Whole => ("200 OK".to_owned(), whole, total),
            Self::Other => (partial(from), vec![7; total - from], total - from),
            Self::Sized(bytes) => ("200 OK".to_owned(), vec![7; *bytes], *bytes),
            Self::Displaced => (partial(from + 1), whole[from..].to_vec(), total - from),
            Self::Status(status) => ((*status).to_owned(), Vec::new(), 0),
            Self::Elsewhere(place) => (
                format!("302 Found\r\nlocation: {place}/{NAME}"),
                Vec::new(),
                0,
            ),
            Self::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                loop {
                    stream.write_all(b"400\r\n")?;
                    stream.write_all(&[7; 0x400])?;
                    stream.write_all(b"\r\n")?;
                }
            }
        };
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(&body)
    }
}
