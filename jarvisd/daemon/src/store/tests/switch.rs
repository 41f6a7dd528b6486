//! The kill switch: every state of its file, and what is noted of it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use jarvis_core::audit::Kind;

use super::open;
use crate::store::{KillSwitch, KillSwitchError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_whatever_is_not_exactly_a_switch_that_is_off_is_an_error_or_on() {
    let dir = tempfile::tempdir().unwrap();
    let switch = KillSwitch::of(dir.path()).unwrap();
    assert!(matches!(switch.read(), Err(KillSwitchError::Missing { .. })));
    for bad in [
        "",
        "off",
        "off\n",
        "off 1\n",
        "off 1 anna",
        "off 1 anna\n\n",
        "off  1 anna\n",
        "off 1 anna x\n",
        "OFF 1 anna\n",
        "off -1 anna\n",
        "off +1 anna\n",
        "off 1 an\u{fc}a\n",
        "off 99999999999999999999 anna\n",
        "on",
        "\0\0\0\0",
        "offf 1 anna\n",
        " off 1 anna\n",
        "off 1 anna\r\n",
    ] {
        fs::write(switch.file(), bad).unwrap();
        assert!(matches!(switch.read(), Err(KillSwitchError::Corrupt { .. })), "{bad:?}");
    }
    fs::write(switch.file(), "off 1 ".to_owned() + &"a".repeat(5_000) + "\n").unwrap();
    assert!(switch.read().is_err());
    fs::write(switch.file(), b"off 1 \xff\xfe\n").unwrap();
    assert!(matches!(switch.read(), Err(KillSwitchError::Unreadable { .. })));

    fs::remove_file(switch.file()).unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "off 1 anna\n").unwrap();
    symlink(&elsewhere, switch.file()).unwrap();
    assert!(switch.read().is_err(), "a link leads elsewhere");
    switch.set(true, "cli/uid-0", 5).unwrap();
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "off 1 anna\n", "and is replaced, not followed");
    assert!(switch.read().unwrap().on);

    fs::remove_file(switch.file()).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, switch.file(), rustix::fs::Mode::from(0o600)).unwrap();
    assert!(switch.read().is_err(), "a pipe nobody writes to must not hold us up");
    assert!(switch.look().await.is_err());
    fs::remove_file(switch.file()).unwrap();
    fs::create_dir(switch.file()).unwrap();
    let read = switch.read().unwrap_err();
    assert!(matches!(read, KillSwitchError::InTheWay { .. }), "{read}");
    for on in [true, false] {
        let error = switch.set(on, "cli/uid-0", 5).unwrap_err();
        assert!(matches!(error, KillSwitchError::InTheWay { .. }), "{error}");
        assert!(error.to_string().contains("remove that directory"), "{error}");
    }
    assert!(switch.file().is_dir(), "it is somebody's");
    assert!(
        fs::read_dir(dir.path()).unwrap().all(|e| !e
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".new"))
    );
}

#[test]
fn what_is_set_is_read_back_whoever_set_it() {
    let dir = tempfile::tempdir().unwrap();
    let switch = KillSwitch::of(&dir.path().join("made")).unwrap();
    for (who, kept) in
        [("human/anna", "human/anna"), ("", "unknown"), ("an na\noff", "an_na_off"), ("ä", "_")]
    {
        let set = switch.set(false, who, -7).unwrap();
        assert_eq!((set.on, set.at_ms, set.who.as_str()), (false, 0, kept));
        assert!(switch.set(true, who, 9).unwrap().on);
    }
    let mode = fs::metadata(switch.file()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_made_off_with_a_new_database_only_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("fresh");
    let store = open(&data);
    assert!(!store.kill_switch().read().unwrap().on);
    store.close().await.unwrap();
    fs::remove_file(data.join("kill-switch")).unwrap();
    let store = open(&data);
    assert!(store.kill_switch().read().is_err(), "removed from a used directory it stays missing");

    let early = dir.path().join("early");
    KillSwitch::of(&early).unwrap().set(true, "cli/uid-0", 1).unwrap();
    assert!(open(&early).kill_switch().read().unwrap().on, "thrown before the first start it stays on");
    let odd = dir.path().join("odd");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("kill-switch"), "?").unwrap();
    assert!(open(&odd).kill_switch().read().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i4_a_change_made_with_the_daemon_down_is_recorded_once_and_a_release_begins_an_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let switch = store.kill_switch();
    let first = store.standing().note_kill_switch(&switch.read()).await.unwrap();
    assert!(first.changed && !first.on, "seen for the first time");
    let again = store.standing().note_kill_switch(&switch.read()).await.unwrap();
    assert_eq!((again.changed, again.epoch), (false, first.epoch));
    store.close().await.unwrap();

    switch.set(true, "cli/uid-0", 7).unwrap();
    switch.set(false, "cli/uid-0", 8).unwrap();
    let store = open(dir.path());
    let off = store.standing().note_kill_switch(&switch.read()).await.unwrap();
    assert!(
        off.changed && off.epoch > first.epoch,
        "on and off again while nobody looked runs nothing old either"
    );
    switch.set(true, "human/anna", 9).unwrap();
    let on = store.standing().note_kill_switch(&switch.read()).await.unwrap();
    assert!(on.changed && on.on && on.epoch == off.epoch);
    fs::remove_file(switch.file()).unwrap();
    let missing = store.standing().note_kill_switch(&switch.read()).await.unwrap();
    assert!(missing.changed && missing.on);
    assert!(!store.standing().note_kill_switch(&switch.read()).await.unwrap().changed);

    let rows = store.audit().page(None, 10).await.unwrap().rows;
    assert!(rows.iter().all(|row| row.kind == Kind::KillSwitch));
    let who: Vec<_> = rows.iter().rev().map(|row| row.who.as_str()).collect();
    assert_eq!(who, ["first-start", "cli/uid-0", "human/anna", "system"]);
}

#[test]
fn what_lies_under_the_name_of_a_draft_is_never_written_through() {
    let dir = tempfile::tempdir().unwrap();
    let switch = KillSwitch::of(dir.path()).unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "not ours").unwrap();
    // Whichever number the next draft has: other tests of this process count on.
    for number in 0..500 {
        let draft = format!("kill-switch.{}.{number}.new", std::process::id());
        symlink(&victim, dir.path().join(draft)).unwrap();
    }
    assert!(switch.set(true, "cli/uid-0", 1).unwrap().on);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "not ours");
}

#[test]
fn set_by_root_it_belongs_to_whoever_the_directory_belongs_to() {
    use std::os::unix::fs::{MetadataExt, chown};
    let dir = tempfile::tempdir().unwrap();
    if chown(dir.path(), Some(65_534), Some(65_534)).is_err() {
        eprintln!("skipped: only root may give a directory away");
        return;
    }
    let switch = KillSwitch::of(dir.path()).unwrap();
    switch.set(false, "cli/uid-0", 1).unwrap();
    let file = fs::metadata(switch.file()).unwrap();
    assert_eq!((file.uid(), file.gid(), file.permissions().mode() & 0o777), (65_534, 65_534, 0o600));
}
