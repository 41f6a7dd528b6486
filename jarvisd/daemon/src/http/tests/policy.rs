//! Reading the policy again: to tighten takes a session, to loosen a fresh log-in.

use std::fs;

use jarvis_core::audit::Kind;
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::harness::{Daemon, kind, read};

#[tokio::test(flavor = "multi_thread")]
async fn i36_a_session_tightens_at_any_time_and_loosens_only_after_a_fresh_log_in() {
    for (fresh_minutes, loosens) in [(0, false), (10, true)] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("jarvisd.toml");
        let daemon = Daemon::start_with(|config| {
            config.file = Some(file.clone());
            config.access.fresh_minutes = fresh_minutes;
            config.policy.limits.actions_per_hour_max = 4;
        })
        .await;
        let cookie = daemon.set_up().await;
        let reload = async |per_hour: u32| {
            fs::write(&file, format!("[policy.limits]\nactions_per_hour_max = {per_hour}\n")).unwrap();
            read(daemon.ask(Method::POST, "/api/v1/policy/reload").header(header::COOKIE, &cookie)).await
        };
        let in_force = async || -> Value {
            let asked = daemon.ask(Method::GET, "/api/v1/autonomy").header(header::COOKIE, &cookie);
            read(asked).await.1["hour_max"].clone()
        };
        let (status, body) = reload(2).await;
        assert_eq!((status.as_u16(), body), (200, json!({"changed": true, "loosened": []})));
        assert_eq!(in_force().await, 2);

        let (status, body) = reload(5).await;
        if loosens {
            let loosened = json!({"changed": true, "loosened": ["actions_per_hour_max"]});
            assert_eq!((status.as_u16(), &body), (200, &loosened));
        } else {
            assert_eq!((status.as_u16(), kind(&body)), (403, "fresh_login_needed"), "{body}");
            assert_eq!(body["error"]["details"]["loosened"], json!(["actions_per_hour_max"]));
        }
        assert_eq!(in_force().await, if loosens { 5 } else { 2 });
        // Either way it is on record, and by whom.
        let rows = daemon.store.audit().page(None, 1).await.unwrap().rows;
        let detail: Value = serde_json::from_str(&rows[0].detail).unwrap();
        assert_eq!((rows[0].kind, &detail["taken"]), (Kind::PolicyReloaded, &json!(loosens)));
        daemon.stop().await;
    }
}
