//! Effects of every side in one list, Wake-on-LAN and mail.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UdpSocket};

use crate::Lab;

impl Lab {
    pub async fn effects(&self, query: &str) -> Value {
        self.control(Method::GET, &format!("/effects{query}"), Value::Null).await.1
    }

    async fn wake(&self, mac: &str) {
        let bytes: Vec<u8> = mac.split(':').map(|b| u8::from_str_radix(b, 16).unwrap()).collect();
        let packet = [vec![0xff; 6], bytes.repeat(16)].concat();
        self.datagram(&packet).await;
    }

    /// Sends it and waits until it was seen.
    async fn datagram(&self, packet: &[u8]) {
        let before = self.effects("").await["cursor"].clone();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(packet, &self.running.ready.wake).await.unwrap();
        while self.effects("").await["cursor"] == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Says lines to the mail server; the last answer of each.
    async fn mail(&self, lines: &[&str]) -> std::io::Result<Vec<String>> {
        let stream = TcpStream::connect(&self.running.ready.mail).await?;
        let mut stream = BufReader::new(stream);
        let mut answers = Vec::new();
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        for said in lines {
            stream.write_all(said.as_bytes()).await?;
            loop {
                line.clear();
                if stream.read_line(&mut line).await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                if line.as_bytes().get(3) != Some(&b'-') {
                    break;
                }
            }
            answers.push(line[..3].to_owned());
        }
        Ok(answers)
    }
}

#[tokio::test]
async fn a_magic_packet_wakes_a_machine_that_is_off_and_nothing_else() {
    let lab = Lab::new(1.0).await;
    let mac = lab.running.ready.nodes.iter().find(|n| n.name == "pve").unwrap().mac.clone();
    lab.wake(&mac).await;
    lab.wake("00:11:22:33:44:55").await;
    lab.datagram(b"good morning").await;
    lab.fault(json!({"do": "node_down", "node": "pve", "variant": "power"})).await;
    lab.advance(60.0).await;
    lab.wake(&mac).await;
    let seen = lab.effects("?side=wake").await;
    let short = |e: &Value| (e["node"].clone(), e["acted"].clone(), e["why"].clone());
    assert_eq!(
        seen["effects"].as_array().unwrap().iter().map(short).collect::<Vec<_>>(),
        [
            (json!("pve"), json!(false), json!("the machine is not off")),
            (Value::Null, json!(false), json!("no machine has this address")),
            (Value::Null, json!(false), json!("not a magic packet")),
            (json!("pve"), json!(true), Value::Null),
        ]
    );
    assert_eq!(seen["effects"][3]["params"]["mac"], json!(mac));
    lab.advance(70.0).await;
    assert_eq!(lab.get("/cluster/resources").await.row("id", "node/pve")["status"], "online");
}

const LETTER: [&str; 6] = [
    "EHLO here\r\n",
    "MAIL FROM:<jarvis@lab>\r\n",
    "RCPT TO:<me@lab> NOTIFY=NEVER\r\n",
    "DATA\r\n",
    "From: jarvis@lab\r\nSubject: a node is down\r\n\r\n..leading dot\r\nSubject: not this\r\n.\r\n",
    "QUIT\r\n",
];

#[tokio::test]
async fn mail_is_kept_or_refused_as_told() {
    let lab = Lab::new(0.02).await;
    assert_eq!(lab.mail(&LETTER).await.unwrap(), ["250", "250", "250", "354", "250", "221"]);
    let (_, kept) = lab.control(Method::GET, "/mail", Value::Null).await;
    let letter = &kept["mail"][0];
    assert_eq!((&letter["from"], &letter["to"]), (&json!("jarvis@lab"), &json!(["me@lab"])));
    assert_eq!(letter["subject"], "a node is down");
    assert!(letter["data"].as_str().unwrap().contains("\r\n.leading dot\r\n"), "{letter}");
    let log_in =
        lab.mail(&["EHLO x\r\n", "AUTH PLAIN AGEAYg==\r\n", "AUTH LOGIN\r\n", "YQ==\r\n", "Yg==\r\n"]).await;
    assert_eq!(log_in.unwrap(), ["250", "235", "334", "334", "235"]);
    for (variant, code) in [("reject", "550"), ("busy", "451")] {
        lab.fault(json!({"do": "mail_fail", "variant": variant, "times": 1})).await;
        assert_eq!(lab.mail(&LETTER[..3]).await.unwrap(), ["250", "250", code]);
    }
    lab.fault(json!({"do": "mail_fail", "times": 1})).await;
    assert!(lab.mail(&LETTER).await.is_err(), "closed at once");
    assert_eq!(lab.mail(&LETTER).await.unwrap().len(), 6, "each struck once");
    let seen = lab.effects("?side=mail").await;
    assert_eq!(seen["acted"]["mail"], json!(2));
    let codes: Vec<u64> =
        seen["effects"].as_array().unwrap().iter().map(|e| e["status"].as_u64().unwrap()).collect();
    assert_eq!(codes, [250, 550, 451, 250]);
    assert_eq!(
        lab.control(Method::GET, "/mail?since=1", Value::Null).await.1["mail"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn many_changes_at_once_are_all_counted_once() {
    let lab = Lab::new(0.02).await;
    let engine = lab.running.ready.docker[0].url.clone();
    let guests = [100, 102, 108, 112, 114];
    let mut asked = Vec::new();
    for i in 0..40_usize {
        let (lab, vmid) = (&lab, guests[i % guests.len()]);
        let kind = if vmid == 100 { "qemu" } else { "lxc" };
        let (path, token) =
            (format!("/nodes/Home/{kind}/{vmid}/status/reboot"), if i % 4 == 3 { "read" } else { "act" });
        let restart = lab.client.post(format!("{engine}/containers/redis/restart"));
        asked.push(async move {
            let (api, docker) =
                tokio::join!(lab.ask("Home", token, Method::POST, &path, &[]), crate::finish(restart));
            (api.status, docker.unwrap().status)
        });
    }
    let answers = futures(asked).await;
    let good = |code: u16| answers.iter().filter(|(api, docker)| *api == code || *docker == code).count();
    assert_eq!((good(200), good(403), good(204)), (30, 10, 40));
    let seen = lab.effects("").await;
    assert_eq!((&seen["acted"]["pve"], &seen["acted"]["docker"]), (&json!(30), &json!(40)));
    let seqs: Vec<u64> =
        seen["effects"].as_array().unwrap().iter().map(|e| e["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=80).collect::<Vec<_>>());
    let tail = lab.effects("?since=75").await;
    assert_eq!((tail["effects"].as_array().unwrap().len(), &tail["cursor"]), (5, &json!(80)));
    assert_eq!(lab.control(Method::GET, "/effects?side=moon", Value::Null).await.0, 400);
}

/// All of them at the same time.
async fn futures<T>(list: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut list: Vec<_> = list.into_iter().map(Box::pin).collect();
    let mut done: Vec<Option<T>> = list.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, slot) in list.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().map(Option::unwrap).collect()
}
