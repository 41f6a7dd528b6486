//! What does not exist as a tool, and why.
//!
//! None of these can be expressed: there is no operation to name. The list is only for the answer, so that who
//! asks for one learns the reason instead of *unknown tool*.

/// A kind of act that is left out on purpose, with the names under which it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Black {
    pub names: &'static [&'static str],
    /// Why there is no such tool, and what to do instead.
    pub why: &'static str,
}

pub const BLACK: &[Black] = &[
    Black {
        names: &[
            "destroy_guest",
            "delete_guest",
            "destroy_vm",
            "delete_vm",
            "remove_vm",
            "destroy_container",
            "delete_container",
            "purge_guest",
            "qm_destroy",
            "pct_destroy",
        ],
        why: "destroying a guest cannot be undone; do it in Proxmox yourself",
    },
    Black {
        names: &["rollback_snapshot", "rollback", "rollback_vm", "restore_backup", "restore", "restore_vm"],
        why: "a rollback or restore overwrites living data; do it in Proxmox, after looking at what would be lost",
    },
    Black {
        names: &[
            "delete_backup",
            "prune_backups",
            "remove_backup",
            "delete_file",
            "delete_volume",
            "free_space",
            "clean_tmp",
        ],
        why: "nothing is ever deleted to gain space, and a backup least of all; choose what to delete yourself",
    },
    Black {
        names: &[
            "pvecm_expected",
            "pvecm_delnode",
            "set_expected_votes",
            "delete_node",
            "remove_node",
            "add_node",
            "fence_node",
            "fence",
        ],
        why: "forcing votes, members or fencing can split the cluster and corrupt shared disks; a person at a console \
              decides this",
    },
    Black {
        names: &["unlock_guest", "unlock", "qm_unlock", "pct_unlock", "skiplock", "force_start"],
        why: "a lock says that something works on the guest; find out what holds it (tool `tasks`) and let it end",
    },
    Black {
        names: &[
            "move_config",
            "move_guest_config",
            "edit_guest_config",
            "set_config",
            "create_vm",
            "create_container",
            "clone_guest",
            "resize_disk",
            "set_guest_config",
        ],
        why: "guest configuration is changed in Proxmox; moving its files by hand starts guests twice",
    },
    Black {
        names: &[
            "set_firewall",
            "add_firewall_rule",
            "delete_firewall_rule",
            "edit_network",
            "set_network",
            "apply_network",
            "set_dns",
            "set_acl",
            "create_user",
            "delete_user",
            "create_token",
            "set_password",
            "add_storage",
            "remove_storage",
            "edit_storage",
            "set_ha",
            "disable_ha",
            "install_package",
            "update_node",
            "upgrade_node",
            "create_zfs",
            "wipe_disk",
            "format_disk",
        ],
        why: "network, firewall, access, storage and packages are the ground the cluster stands on; they are changed \
              by a person",
    },
    Black {
        names: &[
            "power_off_node",
            "poweroff_node",
            "halt_node",
            "hard_reset_node",
            "reset_node",
            "cut_power",
        ],
        why: "a node's power is not cut by software; `shutdown_node` exists for a person in a logged-in session",
    },
    Black {
        names: &[
            "execute_ssh",
            "execute_command",
            "run_command",
            "shell",
            "bash",
            "exec",
            "docker_exec",
            "write_file",
            "create_file",
            "edit_file",
            "download_file",
            "copy_file",
            "transfer_file",
            "agent_exec",
        ],
        why: "there is no free-form command; the node reads are tools of their own (`journal`, `disks`, `processes`, \
              `sockets`, `shares` …), and a person has the terminal",
    },
    Black {
        names: &[
            "docker_run",
            "docker_create",
            "docker_rm",
            "docker_remove",
            "docker_pull",
            "docker_prune",
            "docker_compose",
            "docker_inspect_env",
        ],
        why: "containers are looked at, started, restarted and stopped where they are labelled for it; making, removing \
              and opening them is left to you",
    },
    Black {
        names: &[
            "approve",
            "approve_action",
            "confirm",
            "override",
            "set_autonomy",
            "set_autonomy_level",
            "kill_switch",
            "kill_switch_off",
            "release_kill_switch",
            "set_kill_switch",
            "set_tier",
            "set_budget",
            "unprotect",
            "edit_policy",
            "trust_source",
            "lift_quarantine",
        ],
        why: "what binds Jarvis is not Jarvis' to change; use the dashboard or the command line yourself",
    },
    Black {
        names: &[
            "stop_all",
            "start_all",
            "stopall",
            "startall",
            "migrate_all",
            "migrateall",
            "reboot_cluster",
            "shutdown_cluster",
        ],
        why: "an operation has exactly one target; name the guest or the node",
    },
];

/// The reason why a tool of this name does not exist, when it is one of those left out on purpose.
pub fn why_not(name: &str) -> Option<&'static str> {
    let name = name.trim().to_ascii_lowercase().replace(['-', ' ', '.'], "_");
    BLACK.iter().find(|black| black.names.contains(&name.as_str())).map(|black| black.why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn naming_what_does_not_exist_answers_why() {
        assert!(why_not("destroy_guest").is_some_and(|why| why.contains("undone")));
        assert!(why_not("PVECM expected").is_some());
        assert!(why_not("qm-destroy").is_some());
        assert_eq!(why_not("frobnicate"), None);
    }

    #[test]
    fn every_name_is_written_as_it_is_looked_up_and_once() {
        let mut seen = std::collections::BTreeSet::new();
        for name in BLACK.iter().flat_map(|black| black.names) {
            assert!(why_not(name).is_some(), "{name}");
            assert!(seen.insert(name), "{name} twice");
        }
    }
}
