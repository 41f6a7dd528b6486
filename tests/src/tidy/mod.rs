//! The rules of the house as pure functions over source text, so that each can be shown to fail.
//!
//! `tests/tidy.rs` holds the tables and applies them to the repository. Not here: anything a compiler,
//! clippy or biome already says.

pub mod banned;
pub mod edges;
pub mod invariants;
pub mod manifest;
pub mod shape;
pub mod text;

use std::{fmt, path::Path, process::Command};

/// One tracked (or new, not ignored) file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the repository, with `/`.
    pub path: String,
    pub text: String,
}

/// One broken rule, with where it is and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    /// From 1; 0 speaks of the whole file.
    pub line: usize,
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn is_typescript(&self) -> bool {
        self.path.ends_with(".ts") || self.path.ends_with(".tsx")
    }

    /// A file that holds nothing but tests.
    pub fn is_test(&self) -> bool {
        let p = &self.path;
        p.contains("/src/") && (p.ends_with("/tests.rs") || p.contains("/tests/") || p.contains(".test."))
    }

    pub fn fault(&self, line: usize, what: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), line, what: what.into() }
    }
}

/// Every text file git tracks or would track. Binary files are left out.
pub fn repository(root: &Path) -> anyhow::Result<Vec<Source>> {
    let out = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()?;
    anyhow::ensure!(out.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&out.stderr));
    let names = String::from_utf8(out.stdout)?;
    let mut all = Vec::new();
    for path in names.split('\0').filter(|p| !p.is_empty()) {
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        if let Ok(text) = String::from_utf8(bytes) {
            all.push(Source { path: path.into(), text });
        }
    }
    anyhow::ensure!(all.len() > 20, "only {} files seen: the rules would pass on nothing", all.len());
    Ok(all)
}

/// Fails with every fault listed, or with nothing to do.
pub fn settle(faults: Vec<Fault>) {
    if faults.is_empty() {
        return;
    }
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    panic!("{} broken rule(s):\n{}", lines.len(), lines.join("\n"));
}
