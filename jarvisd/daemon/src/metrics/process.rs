//! The process as Linux sees it, under the names every Prometheus client library uses.

use std::fs;

use super::families::Families;

/// `USER_HZ`, in which Linux counts CPU time for every program on every architecture of ours.
const TICKS_PER_SECOND: u32 = 100;
const PAGE_BYTES: u64 = 4_096;

/// Adds what can be read; a field that cannot is left out.
pub fn collect(out: &mut Families) {
    let rss = fs::read_to_string("/proc/self/statm").ok().and_then(|text| resident_bytes(&text));
    out.gauge("process_resident_memory_bytes", "Resident memory", Vec::new(), rss);
    let fds = fs::read_dir("/proc/self/fd").ok().and_then(|dir| u64::try_from(dir.count()).ok());
    out.gauge("process_open_fds", "Open file descriptors", Vec::new(), fds);
    let stat = fs::read_to_string("/proc/self/stat").ok();
    if let Some(ticks) = stat.as_deref().and_then(cpu_ticks) {
        let seconds = f64::from(ticks) / f64::from(TICKS_PER_SECOND);
        out.counter("process_cpu_seconds", "CPU time of user and system", Vec::new(), seconds);
    }
    let threads = stat.as_deref().and_then(|stat| field(stat, 17)).and_then(|n| n.parse::<u64>().ok());
    out.gauge("process_threads", "Threads", Vec::new(), threads);
}

fn resident_bytes(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

/// Fields after the command name, which may itself hold blanks and brackets; 0 is the state.
fn field(stat: &str, n: usize) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(n)
}

fn cpu_ticks(stat: &str) -> Option<u32> {
    let user: u32 = field(stat, 11)?.parse().ok()?;
    let system: u32 = field(stat, 12)?.parse().ok()?;
    Some(user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_brackets_shifts_nothing() {
        let stat = "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(field(stat, 17), Some("4"));
        assert_eq!(resident_bytes("100 25 3 4"), Some(25 * 4_096));
        assert_eq!((cpu_ticks("rubbish"), resident_bytes("")), (None, None));
    }
}
