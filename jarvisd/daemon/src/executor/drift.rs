//! Whether a target is still what a question was asked about.
//!
//! A glimpse of the published state voids a question before anybody answers it; what counts in the end are the facts
//! at its use. Not to see something is no change of it.

use jarvis_core::{
    cluster::{ClusterState, GuestStatus, NodeName, NodeStatus},
    policy::Facts,
    tools::Target,
};

/// What of the target is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glimpse {
    node: Option<NodeName>,
    guest: Option<GuestStatus>,
    lock: Option<String>,
    name: Option<String>,
    online: Option<NodeStatus>,
}

impl Glimpse {
    pub fn of(target: &Target, state: &ClusterState) -> Self {
        let guest = match target {
            Target::Guest(vmid) => state.guests.get(vmid),
            _ => None,
        };
        let node = match target {
            Target::Node(node) | Target::Service { node, .. } => Some(node.clone()),
            _ => guest.map(|guest| guest.node.clone()),
        };
        Self {
            online: node.as_ref().and_then(|node| state.nodes.get(node)).map(|node| node.status),
            node,
            guest: guest.map(|guest| guest.status),
            lock: guest.and_then(|guest| guest.lock.clone()),
            name: guest.and_then(|guest| guest.name.as_ref().map(ToString::to_string)),
        }
    }

    pub fn differs(&self, now: &Self) -> bool {
        let seen = |status: &Option<GuestStatus>| *status != Some(GuestStatus::Unknown);
        let told = |status: &Option<NodeStatus>| *status != Some(NodeStatus::Unknown);
        let state = seen(&self.guest) && seen(&now.guest) && self.guest != now.guest;
        let online = told(&self.online) && told(&now.online) && self.online != now.online;
        // A row of a node that is away has no name.
        let name = now.name.is_some() && self.name != now.name;
        let gone = self.guest.is_some() && now.guest.is_none();
        gone || state || online || name || self.node != now.node || self.lock != now.lock
    }
}

/// What an approval is given for, in words that can be compared.
pub fn told(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut all = facts.preconditions();
    all.push(("identity", format!("{:?}", facts.target.identity.known())));
    all.push(("policy", format!("{:?}", facts.version)));
    all
}

pub fn differences(then: &[(&'static str, String)], now: &[(&'static str, String)]) -> String {
    let word = |all: &[(&'static str, String)], name: &str| {
        all.iter().find(|(known, _)| *known == name).map(|(_, word)| word.clone())
    };
    let names = then.iter().chain(now.iter().filter(|(name, _)| word(then, name).is_none()));
    let differ = names.filter_map(|(name, _)| {
        let (then, now) = (word(then, name), word(now, name));
        let told = |word: Option<String>| word.unwrap_or_else(|| "nothing".to_owned());
        (then != now).then(|| format!("{name}: {} → {}", told(then), told(now)))
    });
    differ.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glimpse() -> Glimpse {
        Glimpse {
            node: Some("pve".parse().unwrap()),
            guest: Some(GuestStatus::Running),
            lock: None,
            name: Some("dns".into()),
            online: Some(NodeStatus::Online),
        }
    }

    #[test]
    fn i06_what_is_not_seen_for_a_moment_has_not_changed() {
        let differs = |change: fn(&mut Glimpse)| {
            let mut now = glimpse();
            change(&mut now);
            glimpse().differs(&now)
        };
        assert!(!differs(|_| {}));
        assert!(!differs(|now| now.online = Some(NodeStatus::Unknown)));
        assert!(!differs(|now| now.guest = Some(GuestStatus::Unknown)));
        assert!(!differs(|now| now.name = None));
        assert!(differs(|now| now.online = Some(NodeStatus::Offline)));
        assert!(differs(|now| now.guest = Some(GuestStatus::Stopped)));
        assert!(differs(|now| now.guest = None));
        assert!(differs(|now| now.name = Some("web".into())));
        assert!(differs(|now| now.lock = Some("backup".into())));
        assert!(differs(|now| now.node = Some("Home".parse().unwrap())));
    }

    #[test]
    fn every_difference_is_told_by_its_name() {
        let then = vec![("state", "Up".to_owned()), ("HA", "None".to_owned())];
        let now =
            vec![("state", "Down".to_owned()), ("HA", "None".to_owned()), ("quorum", "Kept".to_owned())];
        assert_eq!(differences(&then, &now), "state: Up → Down; quorum: nothing → Kept");
        assert_eq!(differences(&then, &then), "");
    }
}
