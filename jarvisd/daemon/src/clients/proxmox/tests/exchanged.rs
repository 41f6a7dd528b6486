//! A node's certificate is exchanged while we talk with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::server::{Ca, Reply, Server};
use super::*;

/// As a session that is resumed would hide it.
#[tokio::test]
async fn an_exchanged_certificate_is_looked_at_on_the_next_connection() {
    let (ca, other) = (Ca::new("cluster"), Ca::new("other"));
    for (second, by_fingerprint, word) in [
        (&ca, false, None),
        (&other, false, Some("tls_untrusted_ca")),
        (&ca, true, Some("fingerprint_mismatch")),
    ] {
        let exchanged = Arc::new(AtomicBool::new(false));
        let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 28\r\n\r\n{\"data\":{\"version\":\"9.1.1\"}}";
        let server =
            Server::exchanging((&ca, second), Arc::clone(&exchanged), |_, _| Reply::Last(last.to_vec()))
                .await;
        let mut settings = settings(&ca, &[("pve", &server)]);
        if by_fingerprint {
            settings.nodes[0].fingerprint = Some(server.fingerprint());
        }
        let client = client(&settings);
        for _ in 0..3 {
            client.version().await.unwrap();
        }
        exchanged.store(true, Ordering::Relaxed);
        assert_eq!(client.version().await.err().map(|e| e.word()), word);
    }
}
