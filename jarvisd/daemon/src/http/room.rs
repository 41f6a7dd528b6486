//! How many connections there is room for: each takes a descriptor, and the database and the cluster need theirs.
//!
//! A machine that allows fewer than are configured gets fewer; those who come later wait their turn, and the daemon
//! itself goes on reading.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Listeners, event loops, the database with its readers, the log, and the connections to the cluster's nodes.
const RESERVED: u64 = 48;
/// A screen opens two or three; with fewer than this nothing works.
const CONNECTIONS_MIN: u64 = 8;
/// One of so many is a scraper's.
const METRICS_PART: u64 = 8;

/// Connections at once on each listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub http: usize,
    pub metrics: usize,
}

/// Raises the limit of open files as far as is needed and allowed, and shares out what there is.
///
/// # Errors
/// With less than the daemon itself needs, servers fail in the middle of their start, and the switch cannot be read.
pub fn make(http: usize, metrics: usize) -> io::Result<Room> {
    let wanted = number(http.saturating_add(metrics));
    let limits = getrlimit(Resource::Nofile);
    let needed = wanted.saturating_add(RESERVED);
    let open_max = limits.current.map_or(needed, |soft| {
        let more = limits.maximum.map_or(needed, |hard| hard.min(needed));
        let raised = Rlimit { current: Some(more), maximum: limits.maximum };
        // Shells start programs with a low soft limit out of habit; up to the hard one it is ours to choose.
        if more > soft && setrlimit(Resource::Nofile, raised).is_ok() { more } else { soft }
    });
    enough(open_max)?;
    let room = share(http, metrics, open_max);
    if room.http < http {
        tracing::warn!(
            "the limit of {open_max} open files leaves room for {} connections of the {http} that are configured; \
             raise it (ulimit -n, or LimitNOFILE= of the unit), or lower server.sockets_max",
            room.http
        );
    }
    Ok(room)
}

fn enough(open_max: u64) -> io::Result<()> {
    if open_max >= RESERVED + CONNECTIONS_MIN {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "the limit of {open_max} open files is too low to serve anybody; raise it to 256 or more (ulimit -n, or \
         LimitNOFILE= of the unit)"
    )))
}

fn share(http: usize, metrics: usize, open_max: u64) -> Room {
    let room = open_max.saturating_sub(RESERVED).max(CONNECTIONS_MIN);
    let for_metrics = number(metrics).min(room / METRICS_PART).max(1);
    let for_http = number(http).min(room.saturating_sub(for_metrics));
    let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Room { http: count(for_http), metrics: count(for_metrics) }
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_below_what_the_daemon_needs_itself_is_told() {
        for open_max in [0, 32, 55] {
            let error = enough(open_max).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{open_max} open files")) && error.contains("ulimit -n"),
                "{error}"
            );
        }
        assert!(enough(56).is_ok() && enough(u64::MAX).is_ok());
    }

    #[test]
    fn what_is_reserved_is_never_given_away() {
        for open_max in [64, 100, 256, 1_024, 20_000, u64::MAX] {
            let room = share(1_712, 256, open_max);
            assert!(room.http >= 7 && room.metrics >= 1, "{open_max}: {room:?}");
            assert!(number(room.http + room.metrics) + RESERVED <= open_max.max(56), "{open_max}: {room:?}");
        }
        assert_eq!(share(1_712, 256, 20_000), Room { http: 1_712, metrics: 256 });
        assert_eq!(share(1_712, 256, 64), Room { http: 14, metrics: 2 });
    }
}
