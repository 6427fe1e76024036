//! The sample app: answers with the version in its folder. `/health` says no in a release that has a file `broken`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// The app itself: `PORT_FILE`, or, to ask it whether it is well, `--ask PORT_FILE`. It has a life of its own: a signal
/// ends it, as it ends any app.
#[must_use]
pub fn main(arguments: &[OsString]) -> ExitCode {
    let well = match arguments {
        // Serves the folder it was started in, on a port of its own that it writes to the file.
        [port_file] => listen(Path::new(port_file)).is_ok(),
        [ask, port_file] if ask == "--ask" => ask_it(Path::new(port_file)).is_ok_and(|status| status.contains(" 200 ")),
        _ => false,
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ask_it(port_file: &Path) -> io::Result<String> {
    let port = fs::read_to_string(port_file)?.trim().parse::<u16>().map_err(io::Error::other)?;
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(connection, "GET /health HTTP/1.1\r\nHost: demo\r\n\r\n")?;
    let mut status = String::new();
    BufReader::new(connection).read_line(&mut status)?;
    Ok(status)
}

fn listen(port_file: &Path) -> io::Result<()> {
    // What a release is, is read once, as an app loads its code once.
    let version = fs::read_to_string("VERSION")?;
    let healthy = !Path::new("broken").exists();
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    #[expect(clippy::disallowed_methods, reason = "the sample app's own file, not our state")]
    fs::write(port_file, port.to_string())?;
    for connection in listener.incoming().flatten() {
        let version = version.clone();
        thread::spawn(move || {
            let _gone = answer(&connection, &version, healthy);
        });
    }
    Ok(())
}

fn answer(mut connection: &TcpStream, version: &str, healthy: bool) -> io::Result<()> {
    connection.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = String::new();
    BufReader::new(connection).read_line(&mut request)?;
    let asks_health = request.split_whitespace().nth(1) == Some("/health");
    let status = if asks_health && !healthy { "500 Internal Server Error" } else { "200 OK" };
    let length = version.len();
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{version}")
}
