//! Each invariant of acting is shown by tests that bear its id, and the page that says where says the truth.
//!
//! A test bears an id when its name begins with it, or with several: `i07_i08_…`, `i15_…_and_i25_…`. The page has one
//! row an id, `| I7 | what holds | core, daemon, stories |`; for what nothing can show yet: `comes with …`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fault, Source, text::rust_code};

/// Where tests of an id were found: `core`, `daemon`, `stories`.
type Shown = BTreeMap<u32, BTreeSet<&'static str>>;

/// The first words of a last column that names no tests.
const NOT_YET: &str = "comes with ";

/// Holds the rows of `page` against the tests in `files`, for the ids from 1 to `last`.
pub fn check(files: &[Source], page: &Source, last: u32) -> Vec<Fault> {
    let shown = shown(files);
    let mut faults = Vec::new();
    let mut told = BTreeSet::new();
    for (line, text) in page.text.lines().enumerate() {
        let Some((id, says)) = row(text) else { continue };
        let fault = |what: String| page.fault(line + 1, what);
        if !told.insert(id) {
            faults.push(fault(format!("I{id} has two rows")));
        }
        let real = shown.get(&id).cloned().unwrap_or_default();
        if says.starts_with(NOT_YET) {
            if !real.is_empty() {
                faults.push(fault(format!("I{id} has tests by now ({}); name them", list(&real))));
            }
            continue;
        }
        // More than is said is no lie.
        for place in says.split(", ").filter(|place| !real.contains(place)) {
            let todo = format!("write one, take it out, or say `{NOT_YET}…`");
            faults.push(fault(format!(
                "I{id} is said to be shown by a test in `{place}`, and none is there; {todo}"
            )));
        }
    }
    let missing = (1..=last).filter(|id| !told.contains(id));
    faults.extend(missing.map(|id| page.fault(0, format!("I{id} has no row"))));
    let unknown = shown.keys().filter(|id| **id == 0 || **id > last);
    faults.extend(
        unknown.map(|id| page.fault(0, format!("a test bears I{id}, and there is no such invariant"))),
    );
    faults
}

fn list(places: &BTreeSet<&'static str>) -> String {
    places.iter().copied().collect::<Vec<_>>().join(", ")
}

/// The id and the last column of `| I7 | … | core |`.
fn row(line: &str) -> Option<(u32, String)> {
    let cells: Vec<&str> =
        line.trim().strip_prefix("| I")?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let [id, .., says] = cells.as_slice() else { return None };
    Some((id.parse().ok()?, (*says).to_owned()))
}

fn shown(files: &[Source]) -> Shown {
    let mut shown = Shown::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let place = match file.path.split('/').take(2).collect::<Vec<_>>()[..] {
            ["jarvisd", "core"] => "core",
            ["jarvisd", "daemon"] => "daemon",
            ["tests", "e2e"] => "stories",
            _ => continue,
        };
        for id in tests(&file.text).iter().flat_map(|name| ids(name)) {
            shown.entry(id).or_default().insert(place);
        }
    }
    shown
}

/// Names of the functions that are tests.
fn tests(text: &str) -> Vec<String> {
    let code = rust_code(text);
    let mut names = Vec::new();
    // A property test has its attribute inside of a macro.
    let mut marked = false;
    for line in code.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            marked = true;
        }
        let begins = ["fn ", "async fn "].iter().find_map(|front| line.strip_prefix(front));
        if let (true, Some(rest)) = (marked, begins) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            names.push(name);
            marked = false;
        }
    }
    names
}

/// The ids in a name that begins with one.
fn ids(name: &str) -> Vec<u32> {
    let id = |word: &str| -> Option<u32> {
        let digits = word.strip_prefix('i')?;
        (digits.len() <= 2 && digits.bytes().all(|b| b.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()
    };
    let words: Vec<&str> = name.split('_').collect();
    if words.first().and_then(|word| id(word)).is_none() {
        return Vec::new();
    }
    words.into_iter().filter_map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &str, code: &str) -> Vec<String> {
        let files = [Source::new("jarvisd/core/src/x.rs", code)];
        let page = Source::new("docs/x.md", rows);
        check(&files, &page, 2).iter().map(|fault| fault.what.clone()).collect()
    }

    #[test]
    fn a_row_without_a_test_and_a_test_without_a_row_are_found() {
        let test = "#[test]\nfn i1_i02_holds() {}";
        assert!(faults("| I1 | a | core |\n| I2 | b | core |", test).is_empty());
        assert_eq!(faults("| I1 | a | core |", test), ["I2 has no row"]);
        assert_eq!(faults("| I1 | a | core |\n| I2 | b | core, stories |", test).len(), 1);
        assert_eq!(faults("| I1 | a | core |\n| I2 | b | |", test).len(), 1);
        assert_eq!(faults("| I1 | a | core |\n| I2 | b | comes with x |", test).len(), 1);
        assert_eq!(
            faults("| I1 | a | core |\n| I1 | a | core |\n| I2 | b | core |", test),
            ["I1 has two rows"]
        );
        let one = "#[tokio::test]\nasync fn i01_holds() {}";
        assert_eq!(faults("| I1 | a | core |\n| I2 | b | core |", one).len(), 1);
        assert!(faults("| I1 | a | core |\n| I2 | b | comes with runbooks |", one).is_empty());
        assert_eq!(faults("| I1 | a | core |\n| I2 | b | comes with x |", "#[test]\nfn i1_i3() {}").len(), 1);
    }

    #[test]
    fn only_tests_count_and_only_whole_words() {
        let rows = "| I1 | a | comes with x |\n| I2 | b | comes with x |";
        for code in [
            "fn i1_helps() {}",
            "// #[test]\nfn i1_was() {}",
            "#[test]\nfn the_i1_holds() {}",
            "#[test]\nfn i12x_holds() {}",
            "#[test]\nfn it1_holds() {}",
        ] {
            assert!(faults(rows, code).is_empty(), "{code}");
        }
    }
}
