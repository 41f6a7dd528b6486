//! How much goes through a terminal, and what it does when its way breaks.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_that_acknowledges_nothing_gets_a_window_and_still_interrupts() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    tty.key("PS1=; stty -echo\r").await;
    tty.until_quiet().await;
    (tty.acks, tty.received) = (false, 0);
    tty.key("yes 0123456789 | head -c 20000000; echo end-$((1+1))\r").await;
    tty.until_quiet().await;
    assert!((200_000..300_000).contains(&tty.received), "{} bytes without an acknowledgement", tty.received);
    tty.acks = true;
    tty.say(json!({ "type": "ack", "bytes": tty.received })).await;
    tty.until("end-2").await;
    assert!(tty.received >= 20_000_000, "{}", tty.received);

    tty.acks = false;
    tty.key("yes\r").await;
    tty.until_quiet().await;
    let stuck = tty.received;
    tty.key("\x03echo free-$((1+1))\r").await;
    tty.acks = true;
    tty.say(json!({ "type": "ack", "bytes": 300_000 })).await;
    tty.until("free-2").await;
    // What was on its way when the key was pressed, and no more.
    assert!(tty.received - stuck < 4_000_000, "{} bytes after the interrupt", tty.received - stuck);
}

#[tokio::test(flavor = "multi_thread")]
async fn characters_survive_every_chunk_border_and_dangerous_sequences_do_not_arrive() {
    let (server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let file = server.dir.path().join("text");
    let text = "aé❝🦀中".repeat(60_000);
    std::fs::write(&file, &text).unwrap();
    tty.key(&format!("PS1=; stty -echo -opost; clear; cat {}; echo; echo end-$((1+1))\r", file.display()))
        .await;
    let output = tty.until("end-2").await;
    let at = output.find("aé❝").unwrap();
    assert_eq!(&output[at..at + text.len()], text);

    tty.output.clear();
    tty.key("printf 'A\\033]52;c;cm0=\\007B\\033]0;title\\007C\\033P$qm\\033\\\\D\\033[21tE\\n'\r").await;
    tty.until("ABCDE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paste_larger_than_anything_in_between_neither_stalls_nor_is_torn() {
    let (server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let file = server.dir.path().join("pasted");
    // Echoed while it is typed: output and keys wait for each other if anything in between waits for one alone.
    // The shell has given the terminal over once its command speaks; keys before that may be flushed.
    tty.key(&format!("echo go-$((1+1)); cat > {}\r", file.display())).await;
    tty.until("go-2").await;
    let line = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r";
    let (mut taken, lines) = (0_i64, 8_000_usize);
    let mut sent = 0_i64;
    for _ in 0..lines / 100 {
        tty.key(&line.repeat(100)).await;
        sent += i64::try_from(line.len() * 100).unwrap();
        while sent - taken > 60_000 {
            if let Got::Frame(frame) = tty.got().await {
                taken += frame["bytes"].as_i64().filter(|_| frame["type"] == "taken").unwrap_or(0);
            }
        }
    }
    tty.key("\x04").await;
    tty.key("wc -l pasted 2>/dev/null; echo done-$((1+1))\r").await;
    tty.until("done-2").await;
    let pasted = std::fs::read_to_string(&file).unwrap();
    assert_eq!(pasted.lines().count(), lines);
    assert!(pasted.lines().all(|l| l == line.trim_end()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_keys_nobody_takes_is_cut_off_and_the_shell_survives() {
    let (_server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let ready = tty.ready.clone();
    tty.key("PS1=; stty raw -echo; sleep 8; stty sane; echo awake-$((1+1))\r").await;
    tty.until_quiet().await;
    let mut closed = None;
    for _ in 0..400 {
        if tty.socket.send(Message::binary(vec![b'\r'; 100_000])).await.is_err() {
            break;
        }
    }
    while closed.is_none() {
        if let Got::Closed(code) = tty.got().await {
            closed = Some(code);
        }
    }
    assert!(matches!(closed, Some(4429 | 1006)), "{closed:?}");
    // Coming back tells the shell a size; what it has not taken must not cut that off again.
    let mut tty = Tty::back(&daemon, &cookie, &ready, None).await;
    for cols in 80..130 {
        tty.say(json!({ "type": "resize", "cols": cols, "rows": 24 })).await;
    }
    tty.until("awake-2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_be_reached_or_trusted_says_so_and_leaves_no_record() {
    let (server, other) = (Sshd::start(), Sshd::start());
    let known = other.known().replace(&other.port.to_string(), &server.port.to_string());
    for (shells, word) in [
        (Shells::new(sshd::settings(server.port, server.key(), &known), Clock), "host key"),
        (Shells::new(sshd::settings(server.port, other.key(), &server.known()), Clock), "refused user"),
        (Shells::new(sshd::settings(sshd::free_port(), server.key(), ""), Clock), "cannot be reached"),
    ] {
        let daemon = Daemon::start_full(|_| {}, Some(shells)).await;
        let cookie = daemon.set_up().await;
        let mut tty = Tty::connect(&daemon, &cookie, "cols=80&rows=24").await.unwrap();
        assert_eq!(tty.closed().await, 1011);
        assert!(tty.error().contains(word), "{word}: {}", tty.error());
        assert!(
            daemon
                .store
                .audit()
                .page(None, 10)
                .await
                .unwrap()
                .rows
                .iter()
                .all(|r| r.kind != Kind::TerminalOpened)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stops_tells_its_terminals_and_records_their_end() {
    let (server, daemon, cookie) = start(|_| {}).await;
    let mut tty = Tty::open(&daemon, &cookie).await;
    let pid = pid(&mut tty, server.dir.path()).await;
    let away = Tty::open(&daemon, &cookie).await;
    drop(away);
    let store = daemon.store.clone();
    daemon.shutdown.cancel();
    assert_eq!(tty.closed().await, 1012);
    gone(&pid).await;
    daemon.stop().await;
    let rows = store.audit().page(None, 100).await.unwrap().rows;
    let ends: Vec<&Row> = rows.iter().filter(|r| r.kind == Kind::TerminalClosed).collect();
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|r| r.detail.contains("daemon_stopped")), "{ends:?}");
}
