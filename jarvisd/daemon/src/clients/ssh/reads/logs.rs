//! Lines of a log.

/// Lines without the empty ones at the end; a journal without entries says so in a line of its own.
pub fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    while lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    lines.retain(|line| line != "-- No entries --");
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_journal_has_no_lines() {
        assert!(lines("-- No entries --\n\n").is_empty());
        assert_eq!(lines("a\n\nb\n"), ["a", "", "b"]);
    }
}
