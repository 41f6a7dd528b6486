//! What the daemon cannot start with: one clear line, an exit code, and nothing changed.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use jarvis_tests::{
    certificates::Authority,
    daemon::{Cluster, Home},
    process::Process,
};

/// Lines a refusal may take: what stands in the way, and perhaps the log's own opening.
const LINES_MAX: usize = 3;

/// It could not be done.
const FAILED: i32 = 1;
/// Wrong usage or configuration.
const MISUSED: i32 = 2;

/// Expects it to end by itself with one line that has all of `words`.
async fn refuses(mut process: Process, code: i32, words: &[&str]) -> Result<()> {
    let status = process.ended(Duration::from_secs(10)).await?;
    let log = process.log();
    ensure!(status.code() == Some(code), "it ended with {status}, not {code}\n{log}");
    let clear = log.lines().any(|l| words.iter().all(|w| l.to_lowercase().contains(&w.to_lowercase())));
    ensure!(clear, "no line has all of {words:?}\n{log}");
    ensure!(log.lines().count() <= LINES_MAX, "more than {LINES_MAX} lines for one fault\n{log}");
    Ok(())
}

fn nowhere(home: &std::path::Path) -> Result<Cluster> {
    let ca = Authority::new("nobody")?;
    Cluster::laid_down(home, "pve", "https://127.0.0.1:1", &ca.pem(), "a@b!c=d")
}

#[tokio::test]
async fn an_unknown_key_is_named() -> Result<()> {
    let home = Home::new(None, "[log]\nfiltre = \"info\"")?;
    refuses(home.launch()?, MISUSED, &["filtre", "jarvisd.toml"]).await
}

#[tokio::test]
async fn a_secret_file_that_cannot_be_read_is_named_with_its_key() -> Result<()> {
    let dir = tempfile::TempDir::new()?;
    let cluster = nowhere(dir.path())?;
    fs::remove_file(&cluster.token_file)?;
    let token = cluster.token_file.display().to_string();
    refuses(Home::new(Some(&cluster), "")?.launch()?, MISUSED, &["token_file", &token]).await
}

#[tokio::test]
async fn a_port_in_use_is_named() -> Result<()> {
    let home = Home::new(None, "")?;
    let _taken = TcpListener::bind(("127.0.0.1", home.api_port))?;
    refuses(home.launch()?, FAILED, &[&home.api_port.to_string(), "in use"]).await
}

#[tokio::test]
async fn a_metrics_port_in_use_is_named() -> Result<()> {
    let home = Home::new(None, "")?;
    let _taken = TcpListener::bind(("127.0.0.1", home.metrics_port))?;
    refuses(home.launch()?, FAILED, &[&home.metrics_port.to_string(), "in use"]).await
}

#[tokio::test]
async fn a_read_only_data_directory_is_named() -> Result<()> {
    let home = Home::new(None, "")?;
    fs::create_dir(home.data())?;
    fs::set_permissions(home.data(), fs::Permissions::from_mode(0o555))?;
    let direct = home.command(&["serve"])?;
    // Root may write anywhere unless it gives that right away.
    let mut command = direct;
    if rustix::process::geteuid().is_root() {
        let mut lesser = Command::new("setpriv");
        lesser.args(["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override", "--"]);
        lesser.arg(command.get_program()).args(command.get_args());
        command = lesser;
    }
    refuses(Process::start("jarvisd", &command)?, FAILED, &[&home.data().display().to_string()]).await
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() -> Result<()> {
    let home = Home::new(None, "")?;
    let mut process = home.start().await?;
    process.terminate()?;
    process.ended(Duration::from_secs(10)).await?;
    let file = database(&home)?;
    let spoiled: Vec<u8> =
        fs::read(&file)?.iter().enumerate().map(|(i, b)| if i < 4096 { !b } else { *b }).collect();
    fs::write(&file, &spoiled)?;
    refuses(home.launch()?, FAILED, &[&file.display().to_string()]).await?;
    ensure!(fs::read(&file)? == spoiled, "the damaged file was touched");
    Ok(())
}

#[tokio::test]
async fn an_api_token_of_the_wrong_shape_is_refused_without_showing_it() -> Result<()> {
    let dir = tempfile::TempDir::new()?;
    let cluster = nowhere(dir.path())?;
    fs::write(&cluster.token_file, "just-a-secret-without-a-user")?;
    let home = Home::new(Some(&cluster), "")?;
    let process = home.launch()?;
    refuses(process, FAILED, &["token file", "user@realm!"]).await?;
    let out = home.command(&["serve"])?.output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    ensure!(!said.contains("just-a-secret"), "the secret is in the message: {said}");
    Ok(())
}

/// The one file of a database in a data directory.
fn database(home: &Home) -> Result<std::path::PathBuf> {
    let files = fs::read_dir(home.data())?.filter_map(|e| e.ok().map(|e| e.path()));
    let found = files.filter(|p| fs::read(p).is_ok_and(|b| b.starts_with(b"SQLite format 3")));
    found.into_iter().next().context("no database in the data directory")
}
