//! A loopback door which adds a bearer token: for foreign programs that cannot be told to send one.
//!
//! Like a reverse proxy it gives its own address as the daemon's, in `Host` and `Origin`; what names somebody else
//! passes as it came, so that the daemon's own checks are what is tested.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A request's head beyond this is no request of a test.
const HEAD_BYTES_MAX: usize = 16 * 1024;

pub struct Bearer {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Bearer {
    /// In front of `127.0.0.1:port`.
    pub async fn start(port: u16, token: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let line = format!("authorization: Bearer {token}");
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let line = line.clone();
                // A connection that breaks off is its client's matter.
                tokio::spawn(async move { pass(client, address.port(), port, &line).await });
            }
        });
        Ok(Self { address, serving })
    }
}

impl Drop for Bearer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// One request and its answer; the connection ends with it.
async fn pass(mut client: TcpStream, own: u16, daemon: u16, line: &str) -> Result<()> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        ensure!(read.len() < HEAD_BYTES_MAX, "the head is too long");
        ensure!(client.read_buf(&mut read).await? > 0, "the client hung up");
    };
    let (head, rest) = read.split_at(end);
    let head = std::str::from_utf8(head).context("the head")?;
    let mut upstream = TcpStream::connect(("127.0.0.1", daemon)).await?;
    upstream.write_all(rewritten(head, own, daemon, line).as_bytes()).await?;
    upstream.write_all(rest).await?;
    copy_bidirectional(&mut client, &mut upstream).await?;
    Ok(())
}

fn rewritten(head: &str, own: u16, daemon: u16, line: &str) -> String {
    let mut lines = Vec::new();
    for header in head.split("\r\n") {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let ours =
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| value.ends_with(&format!("{host}:{own}")));
        match name.to_ascii_lowercase().as_str() {
            "connection" => {}
            "host" | "origin" if ours => {
                lines.push(header.replace(&format!(":{own}"), &format!(":{daemon}")))
            }
            _ => lines.push(header.to_owned()),
        }
    }
    lines.push("connection: close".to_owned());
    lines.push(line.to_owned());
    lines.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_address_becomes_the_daemons() {
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost:7001\r\nOrigin: http://127.0.0.1:7001\r\nConnection: keep-alive";
        assert_eq!(
            rewritten(head, 7001, 80, "authorization: Bearer x"),
            "POST /mcp HTTP/1.1\r\nHost: localhost:80\r\nOrigin: http://127.0.0.1:80\r\nconnection: close\r\nauthorization: Bearer x"
        );
        let head = "GET / HTTP/1.1\r\nHost: evil.example:7001";
        assert!(rewritten(head, 7001, 80, "x: y").contains("Host: evil.example:7001\r\n"));
    }
}
