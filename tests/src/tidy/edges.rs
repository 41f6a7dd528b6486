//! Which room may lean on which. The edges are read from the sources; the table is in `tests/tidy.rs`.

use super::{
    Fault, Source,
    text::{rust_code, typescript_without_comments, without_test_items},
};

/// `(room, rooms it may use)`. `"*"` allows every room: only the parts that build the whole have it.
pub type Table = &'static [(&'static str, &'static [&'static str])];

/// Checks every `crate::room` path in the Rust files under `root` (`jarvisd/daemon/src/`).
pub fn rust(files: &[Source], root: &str, table: Table) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| f.is_rust() && f.path.starts_with(root) && !f.is_test()) {
        let from = room(&file.path, root);
        let code = without_test_items(&rust_code(&file.text));
        for (line, to) in crate_paths(&code) {
            check(file, line, from, &to, table, &mut faults);
        }
    }
    faults
}

/// Checks every relative import in the TypeScript files under `root` (`dashboard/src/`). The panels, which
/// `panels.ts` lists, may not import each other either.
pub fn typescript(files: &[Source], root: &str, table: Table) -> Vec<Fault> {
    let mut faults = Vec::new();
    let list = format!("{root}panels.ts");
    let panels = listed(files, &list);
    let own = |f: &&Source| f.is_typescript() && f.path.starts_with(root) && !f.is_test();
    for file in files.iter().filter(own) {
        let from = room(&file.path, root);
        for (line, target) in imports(&typescript_without_comments(&file.text)) {
            let Some(path) = resolve(&file.path, &target) else { continue };
            let Some(_) = path.strip_prefix(root) else {
                faults.push(file.fault(line, format!("imports {target}, which is outside {root}")));
                continue;
            };
            let to = room(&path, root);
            if file.path != list && from == "panels" && panels.contains(&path) {
                let what =
                    format!("a panel imports another panel ({target}): move what both need to ui or stream");
                faults.push(file.fault(line, what));
            }
            check(file, line, from, to, table, &mut faults);
        }
    }
    faults
}

fn check(file: &Source, line: usize, from: &str, to: &str, table: Table, faults: &mut Vec<Fault>) {
    if from == to {
        return;
    }
    let Some((_, allowed)) = table.iter().find(|(name, _)| *name == from) else {
        faults.push(
            file.fault(0, format!("room `{from}` is not in the table of tests/tidy.rs: add what it may use")),
        );
        return;
    };
    if !allowed.contains(&"*") && !allowed.contains(&to) {
        let what = format!("`{from}` may not use `{to}`; a new edge is a line in the table of tests/tidy.rs");
        faults.push(file.fault(line, what));
    }
}

/// The first step of a path below the root: a folder's name, or a file's without its ending.
fn room<'a>(path: &'a str, root: &str) -> &'a str {
    let below = path.strip_prefix(root).unwrap_or(path);
    let first = below.split('/').next().unwrap_or(below);
    first.split('.').next().unwrap_or(first)
}

/// What the list of panels imports, without endings.
fn listed(files: &[Source], list: &str) -> Vec<String> {
    let found = files.iter().find(|f| f.path == list);
    let targets = found.map(|f| imports(&typescript_without_comments(&f.text))).unwrap_or_default();
    targets.iter().filter_map(|(_, target)| resolve(list, target)).collect()
}

/// Every `crate::name` and each name of `crate::{a, b::c}`.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group).into_iter().map(|name| (line, name))),
            None => found.push((line, word(rest))),
        }
    }
    found.retain(|(_, name)| name.chars().next().is_some_and(char::is_lowercase));
    found
}

/// The first word of every item of a use group, given what follows its `{`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut heads) = (1usize, true, Vec::new());
    for (i, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => start = true,
            c if start && depth == 1 && !c.is_whitespace() => {
                heads.push(word(&group[i..]));
                start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// `(line, target)` of every `from '…'`, `import '…'` and `import('…')`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for opener in ["from ", "import ", "import("] {
            for (at, _) in line.match_indices(opener) {
                let rest = line[at + opener.len()..].trim_start();
                let Some(quote) = rest.chars().next().filter(|c| *c == '\'' || *c == '"') else { continue };
                let target: String = rest[1..].chars().take_while(|c| *c != quote).collect();
                found.push((n + 1, target));
            }
        }
    }
    found
}

/// The path a relative import names; packages give nothing.
fn resolve(from: &str, target: &str) -> Option<String> {
    if !target.starts_with('.') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: Table = &[("http", &["state", "config"]), ("state", &[]), ("main", &["*"])];
    const WEB: Table = &[("panels", &["ui"]), ("ui", &[])];

    fn rust_faults(path: &str, text: &str) -> usize {
        rust(&[Source::new(path, text)], "d/src/", RUST).len()
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_found_in_every_spelling() {
        assert_eq!(rust_faults("d/src/http/a.rs", "use crate::state::X; use crate::http::y;"), 0);
        assert_eq!(rust_faults("d/src/http/a.rs", "use crate::store::X;"), 1);
        assert_eq!(rust_faults("d/src/http/a.rs", "use crate::{config::A, store::{B, C}, state};"), 1);
        assert_eq!(rust_faults("d/src/http/a.rs", "fn f() -> crate::store::X {}"), 1);
        assert_eq!(rust_faults("d/src/state.rs", "pub(crate) use crate::http;"), 1);
        assert_eq!(rust_faults("d/src/main.rs", "use crate::store::X;"), 0);
        assert_eq!(rust_faults("d/src/newroom.rs", "use crate::state;"), 1);
    }

    #[test]
    fn comments_strings_and_tests_make_no_edge() {
        let text = "// use crate::store;\nconst A: &str = \"crate::store\";\n#[cfg(test)]\nmod tests { use crate::store; }";
        assert_eq!(rust_faults("d/src/http/a.rs", text), 0);
    }

    #[test]
    fn a_panel_leans_on_ui_and_on_no_other_panel() {
        let beside = [Source::new(
            "w/src/panels.ts",
            "import { A } from './panels/A'\nimport { B } from './panels/B'",
        )];
        let faults = |text: &str| {
            let mut files = beside.to_vec();
            files.push(Source::new("w/src/panels/A.tsx", text));
            typescript(&files, "w/src/", WEB).len()
        };
        assert_eq!(faults("import { B } from '../ui/B'\nimport x from 'react'"), 0);
        assert_eq!(faults("import { B } from './B'"), 1);
        assert_eq!(faults("import './A.css'"), 0);
        assert_eq!(faults("import { sorted } from './order'"), 0);
        assert_eq!(faults("import { b } from '../stream/socket'"), 1);
        assert_eq!(faults("const b = import('./B')"), 1);
        assert_eq!(faults("import '../../../other/thing'"), 1);
    }
}
