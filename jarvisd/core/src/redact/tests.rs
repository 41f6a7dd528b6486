use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn what_is_a_secret_goes_and_what_is_not_stays() {
    let pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\nAAAA\n-----END OPENSSH PRIVATE KEY-----";
    let hidden_pem = "-----BEGIN OPENSSH PRIVATE KEY-----[redacted]-----END OPENSSH PRIVATE KEY-----";
    for (before, after) in [
        ("used jv_0123456789abcdefABCDEF-_0123456789abcdefABC.", "used [redacted]"),
        ("x%20jv_0123456789abcdefABCDEF rest", "x%20[redacted] rest"),
        ("PVEAPIToken=root@pam!mon=8b4f3c1e-1111-2222-3333-444455556666", "PVEAPIToken=[redacted]"),
        ("root@pam!mon=8b4f3c1e-1111-2222-3333-444455556666 ok", "root@pam!mon=[redacted] ok"),
        ("Authorization: Bearer abc def\nHost: x", "Authorization: [redacted]\nHost: x"),
        ("authorization: Basic dTpw", "authorization: [redacted]"),
        ("sent Bearer aB3dE5gH9 to it", "sent Bearer [redacted] to it"),
        ("Cookie: a=b; jarvis_session=Zm9v\r\nX: y", "Cookie: [redacted]\r\nX: y"),
        ("jarvis_session=Zm9vYmFy; Path=/", "jarvis_session=[redacted] Path=/"),
        ("PVE:root@pam:65A1B2C3::c2lnbmF0dXJl+/= x", "[redacted] x"),
        (pem, hidden_pem),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN RSA PRIVATE KEY-----[redacted]"),
        ("postgres://jarvis:hunter2@db:5432/x", "postgres://jarvis:[redacted]@db:5432/x"),
        ("https://u:p@ss@h/x", "https://u:[redacted]@h/x"),
        ("redis://:hunter2@h", "redis://:[redacted]@h"),
        ("amqp://u:a/b@h/v", "amqp://u:[redacted]@h/v"),
        ("https://0123456789abcdef0123456789@h/r.git", "https://[redacted]@h/r.git"),
        ("DB_PASSWORD=hunter2 DB_HOST=db", "DB_PASSWORD=[redacted] DB_HOST=db"),
        ("MYSQL_ROOT_PASSWORD=12345678", "MYSQL_ROOT_PASSWORD=[redacted]"),
        ("password: 'my pass phrase' x", "password: '[redacted]' x"),
        (r#"{"password":"hun\"ter2","user":"u"}"#, r#"{"password":"[redacted]","user":"u"}"#),
        (r#"{\"api_key\":\"hunter2\",\"a\":1}"#, r#"{\"api_key\":\"[redacted]\",\"a\":1}"#),
        ("Login { password: Some(\"a b\"), n: 1 }", "Login { password: Some(\"[redacted]\"), n: 1 }"),
        ("mysql --password hunter2 -h db", "mysql --password [redacted] -h db"),
        ("--api-key=hunter2", "--api-key=[redacted]"),
        ("curl -u anna:hunter2 http://h", "curl -u anna:[redacted] http://h"),
        ("url=\"http://h/?token=hunter2\" status=200", "url=\"http://h/?token=[redacted]\" status=200"),
        ("q=1&access_token%3Dhunter2", "q=1&access_token%3D[redacted]"),
        ("key sk-abcdefghijklmnop1234", "key [redacted]"),
        ("password=[redacted]hunter2", "password=[redacted]"),
    ] {
        assert_eq!(text(before), after, "{before}");
    }
    for same in [
        "",
        "A token was made",
        "the password is set; all sessions have ended",
        "UPID:pve:0009A1:00FF:65A1B2C3:qmstart:100:root@pam:",
        "max_tokens: 4096, password_length_min=12",
        "token_file = \"/etc/jarvis/token\"",
        "http://127.0.0.1:7878/api/v1/tokens http://[::1]:80/x ssh://root@pve",
        "bypass=yes author: anna PWD=/root",
        "secret: null, token=None, password=\"\"",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        "basic configuration of the bearer channel",
    ] {
        assert_eq!(text(same), same);
    }
}

#[test]
fn json_stays_json_and_names_decide_for_their_values() {
    let given = json!({
        "tool": "docker", "tokens_used": 12, "password": 1234, "nested": {"clientSecret": {"a": ["x"], "set": true}},
        "env": ["DB_PASSWORD=hunter2", "LANG=C"], "pair": {"name": "API_TOKEN", "value": "hunter2"}, "credentials": ["x", "y"],
    });
    let wanted = json!({
        "tool": "docker", "tokens_used": 12, "password": MARK, "nested": {"clientSecret": {"a": MARK, "set": true}},
        "env": ["DB_PASSWORD=[redacted]", "LANG=C"], "pair": {"name": "API_TOKEN", "value": MARK}, "credentials": MARK,
    });
    assert_eq!(value(&given), wanted);
    assert_eq!(json_or_text(&given.to_string()), crate::tools::canonical::canonical(&wanted));
    assert_eq!(json_or_text("password=x"), "password=[redacted]");
}

/// Slots in which a secret arrives; `%` is where it stands.
const SLOTS: &[&str] = &[
    "jv_%",
    "Authorization: Bearer %",
    "authorization: PVEAPIToken=a@pam!b=%",
    "Proxy-Authorization: %",
    "X-Api-Key: %",
    "Cookie: theme=dark; jarvis_session=%",
    "Set-Cookie: jarvis_session=%; Path=/; HttpOnly",
    "PVEAPIToken=root@pam!mon=%",
    "CSRFPreventionToken: 65A1:%",
    "PVE:root@pam:65A1B2C3::%",
    "https://anna:%@host.lan/path?x=1",
    "mqtt://:%@host",
    "DB_PASSWORD=%",
    "export AWS_SECRET_ACCESS_KEY='%'",
    "\"client_secret\": \"%\"",
    "{\\\"password\\\": \\\"%\\\"}",
    "password: %",
    "passphrase = `%`",
    "mysqldump --password %",
    "restic --password=%",
    "curl -u anna:%",
    "GET /x?a=1&token=%",
    "Config { api_key: Some(\"%\") }",
    "-----BEGIN PRIVATE KEY-----\n%\n-----END PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----\\n%",
    "sk-ant-api03-%",
    "ghp_%",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn i30_a_canary_in_any_slot_is_gone_whatever_stands_around_it(
        slot in prop::sample::select(SLOTS), canary in "[A-Za-z0-9]{24,40}",
        before in "(\\PC{0,20}[ \n])?", after in "([ \n]\\PC{0,20})?",
    ) {
        let given = format!("{before}{}{after}", slot.replace('%', &canary));
        let got = text(&given);
        prop_assert!(!got.contains(&canary), "{got}");
        prop_assert_eq!(text(&got), got.clone(), "twice is once");
        let inside = json!({ "log": [given] });
        prop_assert!(!value(&inside).to_string().contains(&canary));
        prop_assert!(!json_or_text(&inside.to_string()).contains(&canary));
    }

    #[test]
    fn i30_a_canary_under_a_name_that_means_a_secret_is_gone_at_any_depth(
        name in prop::sample::select(&["password", "API_TOKEN", "clientSecret", "Authorization", "private-key"][..]),
        canary in "[A-Za-z0-9]{8,40}", wraps in prop::collection::vec(any::<bool>(), 0..80),
    ) {
        let mut given = json!({ name: [{ "deep": canary }, canary] });
        for array in wraps {
            given = if array { json!([given]) } else { json!({ "x": given }) };
        }
        prop_assert!(!value(&given).to_string().contains(&canary));
    }

    #[test]
    fn any_text_is_survived_and_what_is_hidden_stays_hidden(
        given in "(\\PC|[\n\"'\\\\=:@/-]|password|token|://|Bearer |jv_|-----BEGIN |PVE:|\\[redacted\\]){0,40}",
    ) {
        let once = text(&given).into_owned();
        let marks = |text: &str| text.matches(MARK).count();
        prop_assert!(once == given || marks(&once) > 0, "{}", once);
        prop_assert!(marks(&text(&once)) > 0 || marks(&once) == 0);
        let _ = value(&json!({ &given: [given] }));
    }
}

#[test]
fn text_that_provokes_every_rule_over_and_over_takes_time_in_proportion() {
    for hostile in [
        "--",
        "token=",
        "!a=",
        "PVE:",
        "://",
        "-----BEGIN ",
        "basic ",
        "a]",
        "eyJ.",
        "\\\"",
        "-u a",
        "password: ",
    ] {
        let given = hostile.repeat(300_000 / hostile.len());
        // Work that grows with the square would take hours here.
        assert!(text(&given).len() <= given.len() * 4);
    }
}
