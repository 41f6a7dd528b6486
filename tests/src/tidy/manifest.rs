//! What a manifest may list, and what the lock file may hold.

use super::{Fault, Source};

/// Normal dependencies of `manifest` that are not in `allowed`.
pub fn dependencies(manifest: &Source, allowed: &[&str]) -> Vec<Fault> {
    let parsed: toml::Table = match manifest.text.parse() {
        Ok(table) => table,
        Err(e) => return vec![manifest.fault(0, format!("is not TOML: {e}"))],
    };
    let listed = parsed.get("dependencies").and_then(toml::Value::as_table);
    let names = listed.into_iter().flat_map(|t| t.keys());
    names
        .filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| {
            manifest.fault(
                0,
                format!("depends on `{name}`: this crate thinks only, it lists {allowed:?} and no runtime"),
            )
        })
        .collect()
}

/// Packages of the lock file that are banned: `(name, first version allowed or "" for never, why)`.
pub fn locked(lock: &Source, bans: &[(&str, &str, &str)]) -> Vec<Fault> {
    let parsed: toml::Table = match lock.text.parse() {
        Ok(table) => table,
        Err(e) => return vec![lock.fault(0, format!("is not TOML: {e}"))],
    };
    let packages = parsed.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let field =
        |p: &toml::Value, key: &str| p.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let mut faults = Vec::new();
    for package in &packages {
        let (name, version) = (field(package, "name"), field(package, "version"));
        for (banned, from, why) in bans {
            if name == *banned && (from.is_empty() || numbers(&version) < numbers(from)) {
                faults.push(lock.fault(0, format!("{name} {version}: {why}")));
            }
        }
    }
    faults
}

fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map_while(|p| p.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_a_thinking_crate_is_found() {
        let with = |deps: &str| {
            dependencies(&Source::new("Cargo.toml", &format!("[dependencies]\n{deps}")), &["serde"])
        };
        assert_eq!(with("serde.workspace = true").len(), 0);
        assert_eq!(with("serde.workspace = true\ntokio = \"1\"").len(), 1);
        let dev = Source::new("Cargo.toml", "[dev-dependencies]\nproptest = \"1\"");
        assert_eq!(dependencies(&dev, &[]).len(), 0);
    }

    #[test]
    fn a_banned_package_or_an_old_one_is_found_in_the_lock() {
        let lock = Source::new(
            "Cargo.lock",
            "[[package]]\nname = \"old\"\nversion = \"0.12.9\"\n[[package]]\nname = \"never\"\nversion = \"1.0.0\"",
        );
        assert_eq!(locked(&lock, &[("old", "0.13.0", "two of them")]).len(), 1);
        assert_eq!(locked(&lock, &[("old", "0.12.0", "two of them")]).len(), 0);
        assert_eq!(locked(&lock, &[("never", "", "no")]).len(), 1);
    }
}
