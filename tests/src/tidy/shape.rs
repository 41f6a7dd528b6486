//! What a file looks like from outside: its length, its first line, its name, its words.

use super::{Fault, Source, text::typescript_code};

/// Above this nobody reads a file top-down.
pub const LINES_MAX: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "shared", "stuff"];

pub fn length(files: &[Source]) -> Vec<Fault> {
    let written = |f: &&Source| {
        (f.is_rust() || f.is_typescript() || f.path.ends_with(".mjs")) && !f.path.contains("/protocol/")
    };
    let long = files.iter().filter(written).filter(|f| f.text.lines().count() > LINES_MAX);
    long.map(|f| {
        f.fault(0, format!("{} lines, {LINES_MAX} at most: split it by noun", f.text.lines().count()))
    })
    .collect()
}

/// Every Rust file but one of tests opens with `//!`: why it exists and what is deliberately not in it.
pub fn opening(files: &[Source]) -> Vec<Fault> {
    let silent = files
        .iter()
        .filter(|f| f.is_rust() && !f.is_test())
        .filter(|f| !f.text.trim_start().starts_with("//! "));
    silent
        .map(|f| f.fault(1, "opens without `//!`: say why the module exists and what is not in it"))
        .collect()
}

pub fn names(files: &[Source]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files {
        for step in file.path.split('/') {
            let stem = step.split('.').next().unwrap_or(step).to_lowercase();
            if EMPTY_NAMES.contains(&stem.as_str()) {
                faults
                    .push(file.fault(0, format!("`{step}` says nothing: name it for the one noun it holds")));
            }
        }
    }
    faults
}

/// `words` that do not belong in the repository: other projects' and workplaces' names and paths.
pub fn words(files: &[Source], words: &[String], except: &[&str]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| !except.iter().any(|e| f.path.ends_with(e))) {
        for (n, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|w| line.contains(w.as_str())) {
                faults.push(file.fault(
                    n + 1,
                    format!("`{word}` does not belong here: the repository speaks of the project alone"),
                ));
            }
        }
    }
    faults
}

/// No default exports, no `any`, no barrels in the dashboard's own sources.
pub fn typescript(files: &[Source], root: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| f.is_typescript() && f.path.starts_with(root)) {
        for (n, line) in typescript_code(&file.text).lines().enumerate() {
            if line.trim_start().starts_with("export default") {
                faults.push(
                    file.fault(
                        n + 1,
                        "default export: export by name, so that a name is the same everywhere",
                    ),
                );
            }
            if any_type(line) {
                faults.push(file.fault(n + 1, "`any`: use `unknown` and narrow it, or the generated type"));
            }
            if line.trim_start().starts_with("export *") {
                faults.push(file.fault(n + 1, "barrel: import from the file that has the thing"));
            }
        }
    }
    faults
}

/// `any` where a type stands: after `:`, `as`, `<`, `,` or `|`, as a whole word.
fn any_type(line: &str) -> bool {
    line.match_indices("any").any(|(at, _)| {
        let after = line[at + 3..].chars().next();
        if after.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '(' || c == '.' || c == ':') {
            return false;
        }
        let before = line[..at].trim_end();
        let glued =
            line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '.');
        !glued && (before.ends_with([':', '<', '|', '&']) || before.ends_with(" as"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str, text: &str) -> Vec<Source> {
        vec![Source::new(path, text)]
    }

    #[test]
    fn a_long_file_is_found_and_a_generated_one_is_not() {
        let text = "x\n".repeat(LINES_MAX + 1);
        assert_eq!(length(&one("a/b.rs", &text)).len(), 1);
        assert_eq!(length(&one("a/b.tsx", &text)).len(), 1);
        assert_eq!(length(&one("a/protocol/b.ts", &text)).len(), 0);
        assert_eq!(length(&one("a/b.rs", &"x\n".repeat(LINES_MAX))).len(), 0);
    }

    #[test]
    fn a_module_without_an_opening_is_found() {
        assert_eq!(opening(&one("a.rs", "use x;")).len(), 1);
        assert_eq!(opening(&one("a.rs", "// why\nuse x;")).len(), 1);
        assert_eq!(opening(&one("a.rs", "//! Why it exists.\nuse x;")).len(), 0);
    }

    #[test]
    fn an_empty_name_is_found_as_a_file_and_as_a_folder() {
        assert_eq!(names(&one("a/utils.rs", "")).len(), 1);
        assert_eq!(names(&one("a/common/b.rs", "")).len(), 1);
        assert_eq!(names(&one("a/Helpers.test.tsx", "")).len(), 1);
        assert_eq!(names(&one("a/commonplace.rs", "")).len(), 0);
    }

    #[test]
    fn a_foreign_word_is_found_anywhere_even_in_a_comment() {
        let banned = vec!["left-over".to_owned()];
        assert_eq!(words(&one("a.md", "x\nsome left-over"), &banned, &[]).len(), 1);
        assert_eq!(words(&one("a.md", "nothing"), &banned, &[]).len(), 0);
    }

    #[test]
    fn any_default_exports_and_barrels_are_found_and_prose_is_not() {
        let faults = |text: &str| typescript(&one("w/src/a.ts", text), "w/src/").len();
        for bad in [
            "let a: any = 1",
            "x as any",
            "Map<string, any>",
            "f<any>()",
            "export default x",
            "export * from './b'",
        ] {
            let found = faults(bad);
            assert!(found == 1 || bad.starts_with("Map"), "{bad}: {found}");
        }
        assert_eq!(faults("let x: Array<any>"), 1);
        for fine in
            ["const company = many", "// any: text", "Promise.any([])", "'as any'", "expect.any(Number)"]
        {
            assert_eq!(faults(fine), 0, "{fine}");
        }
    }
}
