//! Does something listen?

use std::time::Duration;

use super::Seen;

/// The limit of one try to connect.
const LIMIT: Duration = Duration::from_secs(5);

pub(super) async fn ask(address: &str, number: u16) -> Seen {
    let host = address.trim_start_matches('[').trim_end_matches(']');
    match tokio::time::timeout(LIMIT, tokio::net::TcpStream::connect((host, number))).await {
        Ok(Ok(stream)) => {
            drop(stream);
            Seen::pass("it takes connections")
        }
        // Not being able to ask the name server says nothing about the port.
        Ok(Err(error)) if is_lookup(&error) => Seen::error(format!("the address cannot be looked up: {error}")),
        Ok(Err(error)) => Seen::fail(format!("no connection: {error}")),
        Err(_) => Seen::fail(format!("no connection within {} s", LIMIT.as_secs())),
    }
}

/// Failed system calls have a number; a failed name lookup has none.
fn is_lookup(error: &std::io::Error) -> bool {
    error.raw_os_error().is_none()
}
