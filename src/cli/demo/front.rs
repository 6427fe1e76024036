//! The front: one port for the app's visitors. A request that comes while the app restarts waits for it, as it would
//! behind a socket that systemd holds or a proxy that asks again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollback_deploy_core::model::Failure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How often a waiting request looks whether the app is there, and how long it waits at the most.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: u32 = 1000;
/// More than a visitor of the demo says, in bytes.
const LONGEST: usize = 16 * 1024;

/// The front, until it is stopped.
pub(super) struct Front {
    port: u16,
    task: JoinHandle<()>,
}

impl Front {
    /// Where visitors come.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it.
    pub(super) fn stop(self) {
        self.task.abort();
    }
}

/// Starts the front for an app that writes its port to this file.
pub(super) async fn start(port_file: PathBuf) -> Result<Front, Failure> {
    let cannot =
        |error: std::io::Error| Failure::failed("no port could be opened on 127.0.0.1").because(error.to_string());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(cannot)?;
    let port = listener.local_addr().map_err(cannot)?.port();
    let task = tokio::spawn(async move {
        while let Ok((visitor, _)) = listener.accept().await {
            tokio::spawn(pass(visitor, port_file.clone()));
        }
    });
    Ok(Front { port, task })
}

async fn pass(mut visitor: TcpStream, port_file: PathBuf) {
    let Some(request) = head(&mut visitor).await else { return };
    for _ in 0..LOOKS {
        // An app that ends may take a request and leave it without a word: asking again changes nothing.
        if let Some(answer) = ask(&port_file, &request).await.filter(|answer| !answer.is_empty()) {
            let _passed = visitor.write_all(&answer).await;
            return;
        }
        sleep(LOOK).await;
    }
}

/// What the visitor asks: a question without a body.
async fn head(visitor: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") && request.len() < LONGEST {
        if visitor.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    Some(request)
}

async fn ask(port_file: &Path, request: &[u8]) -> Option<Vec<u8>> {
    let mut app = reach(port_file).await?;
    app.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    app.read_to_end(&mut answer).await.ok()?;
    Some(answer)
}

async fn reach(port_file: &Path) -> Option<TcpStream> {
    let port = std::fs::read_to_string(port_file).ok()?.trim().parse::<u16>().ok()?;
    TcpStream::connect(("127.0.0.1", port)).await.ok()
}
