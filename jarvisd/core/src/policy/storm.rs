//! When much is wrong at once the cause is elsewhere, perhaps with us: no remedies, one page.

use super::{Case, Guard, Notes};

pub(super) const GUARD: Guard = Guard { name: "storm", reads_too: false, check };

fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(trouble) = notes.known(&case.facts.trouble, "how much is wrong in the cluster") else { return };
    let Some(limits) = notes.limits(case) else { return };
    if case.by_human() {
        return;
    }
    let nodes = trouble.nodes_unhealthy >= limits.storm_nodes_min;
    let share = u64::from(trouble.guests_unhealthy).saturating_mul(100);
    let bound = u64::from(trouble.guests_total).saturating_mul(limits.storm_guests_percent_min.into());
    let guests = trouble.guests_unhealthy > 0 && share >= bound;
    if nodes || guests {
        notes.ask_or_refuse_runbook(
            case,
            format!(
                "{} nodes and {} of {} guests are in trouble at once; find the common cause first",
                trouble.nodes_unhealthy, trouble.guests_unhealthy, trouble.guests_total
            ),
        );
    }
    if trouble.own_network_suspect {
        notes.ask_or_refuse_runbook(
            case,
            "Jarvis' own way to the cluster is in doubt, so what it sees may be wrong",
        );
    }
}
