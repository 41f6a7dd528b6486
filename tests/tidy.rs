//! The rules of the house, applied to the repository. Each rule is a function of `src/tidy` with tests
//! that show it failing; here are the tables: which room may use which, and what is banned where.

use std::path::PathBuf;

use jarvis_tests::tidy::{
    self, Source,
    banned::{self, Ban},
    edges, invariants, manifest, shape,
};

/// Rooms of the daemon and what each may use. Everything may use jarvis-core.
const DAEMON: edges::Table = &[
    ("main", &["*"]),
    ("lib", &["*"]),
    ("app", &["*"]),
    ("clock", &[]),
    ("config", &["clients"]),
    ("supervisor", &["clock"]),
    ("state", &["clock"]),
    ("clients", &["clock", "metrics"]),
    ("store", &["clock", "config"]),
    ("metrics", &["clients", "clock", "config", "state", "store"]),
    ("access", &["clock", "config", "store"]),
    ("cli", &["app", "config", "clock", "clients", "mcp", "store", "access"]),
    ("tasks", &["metrics", "supervisor", "clients", "store", "state", "clock", "config"]),
    ("tools", &["clients", "clock", "state", "store"]),
    ("executor", &["clients", "clock", "config", "state", "store", "supervisor", "tools"]),
    ("mcp", &["executor"]),
    (
        "http",
        &[
            "access", "executor", "mcp", "tools", "metrics", "state", "store", "clients", "tasks", "clock",
            "config",
        ],
    ),
];

/// Core: what crosses a boundary may name what the cluster is, not the other way round.
const CORE: edges::Table = &[
    ("lib", &["*"]),
    ("cluster", &["protocol"]),
    ("protocol", &["cluster", "policy", "tools"]),
    ("tools", &["cluster", "protocol"]),
    ("graph", &["cluster", "tools"]),
    ("policy", &["approval", "cluster", "graph", "tools"]),
    ("approval", &["policy", "tools"]),
    ("audit", &["tools"]),
    ("redact", &["tools"]),
    ("shapes", &["cluster", "policy", "tools"]),
];

/// The dashboard: panels lean on the stream and on primitives; primitives know nothing of clusters.
const DASHBOARD: edges::Table = &[
    ("main", &["*"]),
    ("app", &["*"]),
    ("panels", &["stream", "ui", "theme", "protocol"]),
    ("ui", &["theme"]),
    ("theme", &[]),
    ("stream", &["protocol"]),
    ("protocol", &[]),
    ("demo", &["stream", "protocol"]),
];

const OURS: &[&str] = &["jarvisd/core/", "jarvisd/daemon/", "jarvisd/sim/"];

const BANS: &[Ban] = &[
    Ban {
        words: &["unbounded_channel", "unbounded", "std::sync::mpsc::channel", "mpsc::channel()"],
        within: OURS,
        except: &[],
        instead: "every queue is bounded by a named constant: `mpsc::channel(LIMIT)`",
    },
    Ban {
        words: &["thread::sleep"],
        within: OURS,
        except: &[],
        instead: "wait for a condition with a deadline, or `tokio::time::sleep` in a task",
    },
    Ban {
        words: &["SystemTime::now", "Instant::now", "OffsetDateTime::now_utc", "UtcDateTime::now"],
        within: &["jarvisd/core/src/", "jarvisd/daemon/src/"],
        except: &[("jarvisd/daemon/src/clock.rs", "the one reader of time")],
        instead: "take `now` as an argument, or ask `clock::Clock`",
    },
    Ban {
        words: &["std::env", "env::var", "env::args"],
        within: &["jarvisd/core/src/", "jarvisd/daemon/src/"],
        except: &[("jarvisd/daemon/src/config", "the one reader of the environment")],
        instead: "read it in config.rs and pass the value",
    },
    Ban {
        words: &["std::fs", "tokio::fs", "File::open"],
        within: &["jarvisd/core/src/", "jarvisd/daemon/src/"],
        except: &[
            ("jarvisd/daemon/src/config", "reads settings and the secrets they name"),
            ("jarvisd/daemon/src/store/", "owns the data directory"),
            ("jarvisd/daemon/src/clock.rs", "reads which boot of the machine this is"),
            ("jarvisd/daemon/src/access/set_up.rs", "writes the one-time set-up token, for its owner alone"),
            ("jarvisd/daemon/src/metrics/process.rs", "reads what Linux says of this process"),
        ],
        instead: "files are read by config.rs and written by the store",
    },
    Ban {
        words: &["async", "tokio", "std::net", "std::thread", "rand", "getrandom"],
        within: &["jarvisd/core/src/"],
        except: &[],
        instead: "core is pure: no I/O, clock, randomness or async; take the value as an argument",
    },
    Ban {
        words: &["Shells", "ShellEvent", "ssh::Keys", "ssh::Shell"],
        within: &["jarvisd/daemon/src/"],
        except: &[
            ("jarvisd/daemon/src/clients/ssh/", "opens them"),
            ("jarvisd/daemon/src/http/terminal/", "a person's own shell"),
            ("jarvisd/daemon/src/app.rs", "hands what opens shells to the room of terminals"),
            ("jarvisd/daemon/src/http/mod.rs", "passes it on"),
            ("jarvisd/daemon/src/http/tests/", "tests of that room"),
        ],
        instead: "a human terminal is out of reach of everything else; run a typed operation over `clients::ssh::Ssh`",
    },
    Ban {
        words: &["executor", "approval", "crate::tools", "crate::tasks"],
        within: &["jarvisd/daemon/src/http/terminal/"],
        except: &[],
        instead: "a terminal is the person's own: it does not act in Jarvis' name, and nothing of Jarvis speaks in it",
    },
    Ban {
        words: &["todo!", "unimplemented!", "dbg!"],
        within: &["jarvisd/", "tests/"],
        except: &[],
        instead: "write it, or return an error which says what is missing",
    },
    Ban {
        words: &["danger_accept_invalid_certs", "danger_accept_invalid_hostnames"],
        within: &["jarvisd/"],
        except: &[],
        instead: "trust the cluster's CA or a fingerprint; there is no verify-off switch",
    },
    Ban {
        words: &["new WebSocket", "new EventSource"],
        within: &["dashboard/src/"],
        except: &[("dashboard/src/stream/", "the one socket of the screen")],
        instead: "subscribe to the store of `stream`; no panel opens a socket",
    },
    Ban {
        words: &["localStorage.setItem('token", "dangerouslySetInnerHTML", "innerHTML", "eval("],
        within: &["dashboard/src/"],
        except: &[],
        instead: "names, notes and logs are text nodes; secrets stay in the HttpOnly cookie",
    },
];

/// Crates that may not come back, even through somebody else's manifest.
const LOCK_BANS: &[(&str, &str, &str)] = &[
    ("aws-lc-sys", "", "a second crypto library: rustls runs on ring here"),
    ("native-tls", "", "a second TLS library: rustls runs on ring here"),
    ("reqwest", "0.13.0", "one HTTP client, the current one"),
];

/// Invariants of acting, I1 to I37.
const INVARIANTS: u32 = 37;

/// What jarvis-core may list. Nothing here can do I/O, sleep or roll dice.
const CORE_MANIFEST: &[&str] =
    &["schemars", "serde", "serde_json", "sha2", "smol_str", "thiserror", "time", "toml"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

fn files() -> Vec<Source> {
    tidy::repository(&root()).expect("the repository can be listed")
}

fn file(path: &str) -> Source {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    Source::new(path, &text)
}

#[test]
fn rooms_of_the_daemon_use_only_what_the_table_allows() {
    tidy::settle(edges::rust(&files(), "jarvisd/daemon/src/", DAEMON));
}

#[test]
fn core_depends_on_nothing_that_acts() {
    let mut faults = manifest::dependencies(&file("jarvisd/core/Cargo.toml"), CORE_MANIFEST);
    faults.extend(edges::rust(&files(), "jarvisd/core/src/", CORE));
    tidy::settle(faults);
}

#[test]
fn rooms_of_the_dashboard_use_only_what_the_table_allows() {
    tidy::settle(edges::typescript(&files(), "dashboard/src/", DASHBOARD));
}

#[test]
fn nothing_banned_is_written() {
    let files = files();
    let mut faults = banned::check(&files, BANS);
    faults.extend(banned::stale_exceptions(&files, BANS));
    tidy::settle(faults);
}

#[test]
fn every_invariant_of_acting_is_shown_where_the_page_says() {
    tidy::settle(invariants::check(&files(), &file("docs/ARCHITECTURE.md"), INVARIANTS));
}

#[test]
fn the_lock_file_holds_one_tls_and_one_http_client() {
    tidy::settle(manifest::locked(&file("Cargo.lock"), LOCK_BANS));
}

#[test]
fn files_are_short_named_for_a_noun_and_open_with_their_reason() {
    let files = files();
    let mut faults = shape::length(&files);
    faults.extend(shape::opening(&files));
    faults.extend(shape::names(&files));
    tidy::settle(faults);
}

#[test]
fn typescript_has_no_any_no_default_export_and_no_barrel() {
    tidy::settle(shape::typescript(&files(), "dashboard/src/"));
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    // Put together here so that this file does not hold what it looks for.
    let joined = |parts: &[&str]| parts.concat();
    let words = vec![
        joined(&["/work", "/"]),
        joined(&["/tmp/", "wt"]),
        joined(&[".libr", "ary"]),
        joined(&["index.crates", ".io"]),
        joined(&["registry.npm", "js.org"]),
        joined(&["Clau", "de Code"]),
    ];
    tidy::settle(shape::words(&files(), &words, &["Cargo.lock", "package-lock.json"]));
}
