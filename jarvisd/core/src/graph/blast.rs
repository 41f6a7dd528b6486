//! What an action would take along: who goes down, who suffers, for how long, what is left of the quorum.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Graph, Need, Thing};
use crate::tools::{Effect, Impact, Operation, Target};

/// The votes of the cluster now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Votes {
    /// One node alone: no votes, no quorum.
    Standalone,
    Cluster {
        online: u32,
        needed: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuorumAfter {
    Standalone,
    Kept { online: u32, needed: u32 },
    Lost { online: u32, needed: u32 },
}

/// How long something is away, and where the figure is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Missing: until somebody brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_s: Option<u32>,
    pub basis: String,
}

/// Something that is struck, and through what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Struck {
    pub thing: Thing,
    /// What it needs that goes away; missing for the target itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Thing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blast {
    pub target: Target,
    pub impact: Impact,
    /// Goes down, the target first, nearest next.
    pub down: Vec<Struck>,
    /// Goes on, but worse.
    pub degraded: Vec<Struck>,
    pub away: Estimate,
    pub quorum: QuorumAfter,
    /// Whether Jarvis itself, or something it stands on, is among them.
    pub includes_jarvis: bool,
}

/// How long acts of a kind took here before, in seconds, newest last; a guess stands in where there are none.
pub type Durations = BTreeMap<Effect, Vec<u32>>;

impl Graph {
    /// What this operation would take along, if it does what it is meant to.
    pub fn blast_radius(&self, operation: &Operation, votes: Votes, durations: &Durations) -> Blast {
        let target = operation.target();
        let impact = operation.effect().impact();
        let (down, degraded) = match (impact, Thing::of(&target)) {
            (Impact::None | Impact::BringsUp, _) | (_, None) => (Vec::new(), Vec::new()),
            (Impact::Interrupts | Impact::Moves | Impact::TakesDown, Some(thing)) => self.spread(thing),
        };
        let jarvis = |struck: &Struck| struck.thing == Thing::Jarvis;
        Blast {
            away: estimate(operation.effect(), durations),
            quorum: quorum_after(votes, &down),
            includes_jarvis: down.iter().chain(&degraded).any(jarvis),
            target,
            impact,
            down,
            degraded,
        }
    }

    /// Breadth first, so that each is told by its nearest cause; what was visited is not visited again, so cycles end.
    fn spread(&self, target: Thing) -> (Vec<Struck>, Vec<Struck>) {
        let mut down = vec![Struck { thing: target.clone(), through: None }];
        let mut fallen = BTreeSet::from([target.clone()]);
        let mut queue = VecDeque::from([target]);
        let mut leaning = Vec::new();
        while let Some(gone) = queue.pop_front() {
            for (dependent, need) in self.dependents_of(&gone) {
                if self.is_down(dependent) || fallen.contains(dependent) {
                    continue;
                }
                let struck = Struck { thing: dependent.clone(), through: Some(gone.clone()) };
                match need {
                    Need::Hard => {
                        fallen.insert(dependent.clone());
                        queue.push_back(dependent.clone());
                        down.push(struck);
                    }
                    Need::Soft => leaning.push(struck),
                }
            }
        }
        let mut told = BTreeSet::new();
        leaning.retain(|struck| !fallen.contains(&struck.thing) && told.insert(struck.thing.clone()));
        (down, leaning)
    }
}

impl Blast {
    /// Others than the target that go down.
    pub fn others_down(&self) -> impl Iterator<Item = &Struck> {
        self.down.iter().filter(|struck| struck.through.is_some())
    }

    /// One sentence for a person.
    pub fn sentence(&self) -> String {
        const NAMED_MAX: usize = 5;
        if self.down.is_empty() {
            return format!("Nothing goes down with {}.", self.target);
        }
        let names: Vec<_> = self.down.iter().take(NAMED_MAX).map(|struck| struck.thing.to_string()).collect();
        let more = match self.down.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let away = match self.away.away_s {
            Some(s) => format!("for about {s} s"),
            None => "until somebody brings it back".to_owned(),
        };
        let jarvis = if self.includes_jarvis { " Jarvis itself is among what suffers." } else { "" };
        format!("Down {away}: {}{more}.{jarvis}", names.join(", "))
    }
}

fn quorum_after(votes: Votes, down: &[Struck]) -> QuorumAfter {
    let Votes::Cluster { online, needed } = votes else { return QuorumAfter::Standalone };
    let lost = down.iter().filter(|struck| matches!(struck.thing, Thing::Node(_))).count();
    let online = online.saturating_sub(u32::try_from(lost).unwrap_or(u32::MAX));
    if online >= needed { QuorumAfter::Kept { online, needed } } else { QuorumAfter::Lost { online, needed } }
}

fn estimate(effect: Effect, durations: &Durations) -> Estimate {
    if effect.impact() == Impact::TakesDown {
        return Estimate { away_s: None, basis: "it stays away by intent".into() };
    }
    if let Some(seen) = durations.get(&effect).filter(|seen| !seen.is_empty()) {
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied();
        return Estimate {
            away_s: median,
            basis: format!("median of the last {} of its kind here", seen.len()),
        };
    }
    let guess_s = match effect {
        Effect::RebootNode => 300,
        Effect::RebootGuest => 60,
        Effect::MigrateGuest => 30,
        Effect::RestartContainer => 15,
        Effect::RestartService => 10,
        _ => 0,
    };
    Estimate { away_s: Some(guess_s), basis: "a guess: none of its kind was seen here yet".into() }
}
