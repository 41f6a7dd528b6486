//! Who is let in, and what the refusals look like.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::{Lab, finish};

#[tokio::test]
async fn a_401_has_no_body_and_comes_after_three_seconds() {
    let lab = Lab::new(0.1).await;
    let url = format!("{}/api2/json/cluster/resources", lab.url("Home"));
    let none = finish(lab.client.get(&url)).await.unwrap();
    assert_eq!((none.status, none.reason.as_str(), none.text.as_str()), (401, "No ticket", ""));
    assert!(none.took >= Duration::from_millis(290), "{:?}", none.took);
    let wrong = lab.client.get(&url).header("Authorization", "PVEAPIToken=jarvis@pve!read=wrong");
    let wrong = finish(wrong).await.unwrap();
    assert_eq!(
        (wrong.status, wrong.reason.as_str(), wrong.text.as_str()),
        (401, "Authentication failed!", "")
    );
}

#[tokio::test]
async fn a_token_without_acl_gets_stripped_rows_not_errors() {
    let lab = Lab::new(0.02).await;
    let ask = async |path: &str| lab.ask("Home", "noacl", Method::GET, path, &[]).await;
    let node = ask("/nodes").await.row("node", "pve");
    let members: Vec<&str> = node.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["id", "level", "node", "ssl_fingerprint", "status", "type"]);
    let rows = ask("/cluster/resources").await.data();
    assert!(rows.as_array().unwrap().iter().all(|r| r["type"] == "node" && r.get("cpu").is_none()), "{rows}");
    assert_eq!(ask("/nodes/Home/qemu").await.data(), json!([]));
    assert_eq!(ask("/access/permissions").await.data(), json!({}));
    let refused = ask("/nodes/Home/status").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.reason, "Permission check failed (/nodes/Home, Sys.Audit)");
    assert_eq!(refused.json()["message"], "Permission check failed (/nodes/Home, Sys.Audit)\n");
}

#[tokio::test]
async fn the_read_token_cannot_act_and_the_act_token_can() {
    let lab = Lab::new(0.02).await;
    let path = "/nodes/Home/lxc/102/status/reboot";
    let refused = lab.ask("Home", "read", Method::POST, path, &[]).await;
    assert_eq!(refused.json()["message"], "Permission check failed (/vms/102, VM.PowerMgmt)\n");
    assert_eq!(lab.ask("Home", "act", Method::POST, path, &[]).await.status, 200);
    let (_, seen) = lab.control(Method::GET, "/effects", json!(null)).await;
    let seen = seen["effects"].as_array().unwrap();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!((seen[0]["status"].as_u64(), seen[0]["by"].as_str()), (Some(403), Some("jarvis@pve!read")));
    assert_eq!(seen[1]["path"], path);
    assert!(seen[1]["upid"].as_str().unwrap().contains(":vzreboot:102:jarvis@pve!act:"));
}

#[tokio::test]
async fn a_ticket_needs_the_csrf_token_and_can_be_renewed() {
    let lab = Lab::new(0.02).await;
    let base = format!("{}/api2/json", lab.url("Home"));
    let log_in = async |password: &str| {
        let form = format!("username=root%40pam&password={}", crate::escape(password));
        let request = lab.client.post(format!("{base}/access/ticket"));
        finish(request.header("Content-Type", "application/x-www-form-urlencoded").body(form)).await.unwrap()
    };
    let wrong = log_in("nope").await;
    assert_eq!((wrong.status, wrong.reason.as_str()), (401, "authentication failure"));
    assert_eq!(wrong.json(), json!({"data": null, "message": "authentication failure\n"}));
    let session = log_in(&lab.running.ready.root_password).await.data();
    let cookie = format!("PVEAuthCookie={}", crate::escape(session["ticket"].as_str().unwrap()));
    let post = lab.client.post(format!("{base}/nodes/Home/lxc/102/status/reboot")).header("Cookie", &cookie);
    let without = finish(post.try_clone().unwrap()).await.unwrap();
    assert_eq!((without.status, without.reason.as_str()), (401, "Permission denied - invalid csrf token"));
    let csrf = session["CSRFPreventionToken"].as_str().unwrap();
    assert_eq!(finish(post.header("CSRFPreventionToken", csrf)).await.unwrap().status, 200);
    assert_eq!(log_in(session["ticket"].as_str().unwrap()).await.status, 200, "an old ticket renews");
}

#[tokio::test]
async fn wrong_calls_get_the_words_of_the_real_thing() {
    let lab = Lab::new(0.02).await;
    let shutdown = "/nodes/Home/qemu/100/status/shutdown";
    let bad = lab.post(shutdown, &[("timeout", "abc")]).await;
    assert_eq!((bad.status, bad.reason.as_str()), (400, "Parameter verification failed."));
    let expected = json!({"data": null, "message": "Parameter verification failed.\n",
        "errors": {"timeout": "type check ('integer') failed - got 'abc'"}});
    assert_eq!(bad.json(), expected);
    let unknown = lab.post(shutdown, &[("nonsense", "1")]).await.json();
    assert_eq!(
        unknown["errors"]["nonsense"],
        "property is not defined in schema and the schema does not allow additional properties"
    );
    let frame = lab.get("/nodes/Home/rrddata?timeframe=fortnight").await.json();
    assert_eq!(
        frame["errors"]["timeframe"],
        "value 'fortnight' does not have a value in the enumeration 'hour, day, week, month, year, decade'"
    );
    let upid = lab.get("/nodes/Home/tasks/UPID:nonsense/status").await;
    assert_eq!(
        (upid.status, upid.json()["errors"]["upid"].as_str()),
        (400, Some("unable to parse worker upid"))
    );
    let nope = lab.get("/nope").await;
    assert_eq!(
        (nope.status, nope.text.as_str()),
        (501, r#"{"data":null,"message":"Method 'GET /nope' not implemented"}"#)
    );
    let lost = lab.get("/nodes/pve/qemu/100/status/current").await;
    assert_eq!(
        lost.json()["message"],
        "Configuration file 'nodes/pve/qemu-server/100.conf' does not exist\n"
    );
    let node = lab.get("/nodes/nosuch/status").await;
    assert_eq!(
        node.reason,
        "hostname lookup 'nosuch' failed - failed to get address info for: nosuch: Temporary failure in name resolution"
    );
    let wol = lab.post("/nodes/pve/wakeonlan", &[]).await;
    assert_eq!((wol.status, wol.reason.as_str()), (500, "No wake on LAN MAC address defined for 'pve'!"));
    let memory = lab.post("/nodes/Home/qemu/100/config", &[("memory", "-5")]).await.json();
    assert_eq!(
        memory["errors"]["memory"],
        "invalid format - format error\nmemory.current: value must have a minimum value of 16\n"
    );
}

#[tokio::test]
async fn errors_and_the_hundredth_call_close_the_connection() {
    let lab = Lab::new(0.001).await;
    let url = format!("{}/api2/json", lab.url("Home"));
    let call = async |path: &str| {
        let request = lab.client.get(format!("{url}{path}")).header("Authorization", lab.token("read"));
        let answer = request.send().await.unwrap();
        let closes = answer.headers()["connection"] == "close";
        let _ = answer.bytes().await.unwrap();
        closes
    };
    for n in 1..=100 {
        assert_eq!(call("/version").await, n == 100, "call {n}");
    }
    assert!(call("/nope").await);
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let lab = Lab::new(0.01).await;
    let url = format!("{}/api2/json/cluster/resources", lab.url("Home"));
    let request =
        lab.client.get(url).header("Authorization", lab.token("read")).header("Accept-Encoding", "gzip");
    let answer = request.send().await.unwrap();
    let encoding = answer.headers().get("content-encoding").map(|v| v.to_str().unwrap().to_owned());
    let body = answer.bytes().await.unwrap();
    // The client may undo it silently; either way the body is right.
    if encoding.is_some() {
        assert_eq!(&body[..2], [0x1f, 0x8b]);
    } else {
        assert!(body.starts_with(b"{"));
    }
}
