//! Downloads that go on where they were broken off. Who sends a file need not be trusted: it is
//! checked when it is whole.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::incoming::Incoming;
use crate::error::DataError;

/// How long to wait for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one answer may take in all. A large file on a slow line is gone on with after that.
const ANSWER: Duration = Duration::from_secs(600);

/// The failure of an attempt.
enum Failure {
    /// Not all has arrived.
    Transfer(String),
    /// All has arrived, but it is not what it should be.
    Wrong(String),
    /// It cannot be kept here.
    Final(DataError),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Final(error)
    }
}

/// Downloads the rest of a file from the first of the places that has it. A place is asked again as
/// long as more arrives.
pub fn download(
    incoming: &mut Incoming,
    places: &[impl AsRef<str>],
    progress: &mut dyn FnMut(u64),
) -> Result<(), DataError> {
    let agent = agent();
    let mut problems = Vec::new();
    // What an earlier call has left may be what makes the whole wrong.
    let mut stale = incoming.bytes() > 0;
    for place in places {
        let place = place.as_ref().trim_end_matches('/');
        let address = format!("{place}/{}", incoming.wanted().name);
        loop {
            let before = incoming.bytes();
            let problem = match fetch(&agent, &address, incoming, progress) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Wrong(_)) if std::mem::take(&mut stale) => continue,
                Err(Failure::Transfer(_)) if incoming.bytes() > before => continue,
                Err(Failure::Wrong(problem) | Failure::Transfer(problem)) => problem,
            };
            problems.push(format!("{address}: {problem}"));
            break;
        }
    }
    Err(DataError::Download {
        problems: problems.join("\n"),
    })
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .user_agent(concat!("evenkeel/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .timeout_recv_body(Some(ANSWER));
    config.build().into()
}

/// Fetches the rest of the file and checks the whole.
fn fetch(
    agent: &Agent,
    address: &str,
    incoming: &mut Incoming,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let wanted = incoming.wanted();
    if incoming.bytes() < wanted.bytes {
        let mut request = agent.get(address).header("accept-encoding", "identity");
        if incoming.bytes() > 0 {
            request = request.header("range", format!("bytes={}-", incoming.bytes()));
        }
        let response = request
            .call()
            .map_err(|error| Failure::Transfer(error.to_string()))?;
        accept(&response, incoming)?;
        receive(&mut response.into_body().into_reader(), incoming, progress)?;
    }
    if let Err(problem) = incoming.check() {
        incoming.restart()?;
        return Err(Failure::Wrong(problem));
    }
    Ok(())
}

/// Checks that an answer holds what comes next. A server may send the whole file instead.
fn accept(response: &Response<Body>, incoming: &mut Incoming) -> Result<(), Failure> {
    let (wanted, headers) = (incoming.wanted().bytes, response.headers());
    let total: Option<u64> = match response.status().as_u16() {
        200 => header(headers, "content-length").and_then(|length| length.parse().ok()),
        206 => {
            let range = header(headers, "content-range").unwrap_or_default();
            let expected = format!("bytes {}-", incoming.bytes());
            let (_, total) = range
                .strip_prefix(&expected)
                .and_then(|rest| rest.split_once('/'))
                .ok_or_else(|| {
                    Failure::Transfer(format!(
                        "it sent the range `{range}` instead of `{expected}`"
                    ))
                })?;
            total.parse().ok()
        }
        status => return Err(Failure::Transfer(format!("HTTP status {status}"))),
    };
    if let Some(total) = total.filter(|total| *total != wanted) {
        let problem = format!("its file has {total} bytes instead of {wanted}");
        return Err(Failure::Transfer(problem));
    }
    if response.status().as_u16() == 200 {
        incoming.restart()?;
    }
    Ok(())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn receive(
    body: &mut impl Read,
    incoming: &mut Incoming,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Failure> {
    let wanted = incoming.wanted().bytes;
    let mut buffer = vec![0; 1 << 16];
    while incoming.bytes() < wanted {
        let broken = |problem: String, bytes: u64| {
            Failure::Transfer(format!("{problem} after {bytes} of {wanted} bytes"))
        };
        match body.read(&mut buffer) {
            Ok(0) => return Err(broken("the answer ended".to_owned(), incoming.bytes())),
            Ok(count) => incoming.append(&buffer[..count])?,
            Err(error) => return Err(broken(error.to_string(), incoming.bytes())),
        }
        progress(incoming.bytes());
    }
    Ok(())
}
