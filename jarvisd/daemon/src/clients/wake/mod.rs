//! Wake-on-LAN by our own magic packet. A node on another segment is woken by a living one, through Proxmox's API.
//!
//! Not here: whether a node may be woken (policy: a quorate peer must see it absent, at most once an hour).

use std::{collections::BTreeMap, fmt, net::SocketAddr, str::FromStr, sync::Arc};

use jarvis_core::{
    cluster::NodeName,
    policy::Order,
    protocol::acting::ExactCall,
    tools::{Operation, WakeNode},
};
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;

use super::sending::{SendError, Sent};

/// Under this name the store keeps the addresses that were learnt while the nodes were up.
pub const LEARNT_KEY: &str = "wake.learnt";

/// Learnt hardware addresses, by node.
pub type Learnt = BTreeMap<NodeName, Mac>;

/// A hardware address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac([u8; 6]);

#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub nodes: BTreeMap<NodeName, Way>,
    /// Where packets go for nodes without a word of their own; missing: only settings' nodes are woken by packet.
    pub broadcast: Option<SocketAddr>,
}

/// What the settings say of one node.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub mac: Option<Mac>,
    pub broadcast: Option<SocketAddr>,
    /// It is on another segment: a living node shall send the packet.
    pub relay: bool,
}

#[derive(Clone)]
pub struct Wake(Arc<Settings>);

/// How a node would be woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// By our own packet.
    Packet { mac: Mac, to: SocketAddr },
    /// By a living node, whose Proxmox knows the address: `POST /nodes/{node}/wakeonlan`.
    Relay,
}

impl Wake {
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(settings))
    }

    /// Our own packet when address and broadcast are known and nothing else is wished; else a living node.
    pub fn plan(&self, node: &NodeName, learnt: Option<Mac>) -> Plan {
        let way = self.0.nodes.get(node).cloned().unwrap_or_default();
        let to = way.broadcast.or(self.0.broadcast);
        match (way.mac.or(learnt), to) {
            (Some(mac), Some(to)) if !way.relay => Plan::Packet { mac, to },
            _ => Plan::Relay,
        }
    }

    /// What [`Wake::send`] would send; `None` when it is a living node's turn.
    pub fn exact(&self, call: &WakeNode, learnt: Option<Mac>) -> Option<ExactCall> {
        let Plan::Packet { mac, to } = self.plan(&call.node, learnt) else { return None };
        Some(ExactCall {
            via: "wake".into(),
            method: "magic_packet".into(),
            target: call.node.to_string(),
            path: to.to_string(),
            body: mac.to_string(),
        })
    }

    /// Sends one packet. Nothing answers it; whether the node came is seen in the cluster.
    ///
    /// # Errors
    /// `NotSent`: nothing left.
    pub async fn send(&self, order: Order, learnt: Option<Mac>) -> Result<Sent, SendError> {
        let not_sent = |what: String| SendError::NotSent(what.into());
        let Operation::WakeNode(call) = order.operation() else {
            return Err(not_sent("only nodes are woken".into()));
        };
        let Plan::Packet { mac, to } = self.plan(&call.node, learnt) else {
            return Err(not_sent(format!("no hardware or broadcast address of {} is known", call.node)));
        };
        let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
        let sent = async {
            let socket = UdpSocket::bind(any).await?;
            socket.set_broadcast(true)?;
            socket.send_to(&packet(mac), to).await
        };
        match sent.await {
            Ok(_) => Ok(Sent { upid: None }),
            Err(e) => {
                Err(not_sent(format!("the packet could not be sent to {to}: {e}; check [wake] broadcast")))
            }
        }
    }
}

/// Six times 0xff, then the address sixteen times.
fn packet(mac: Mac) -> Vec<u8> {
    let mut bytes = vec![0xff; 6];
    (0..16).for_each(|_| bytes.extend(mac.0));
    bytes
}

impl FromStr for Mac {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let refused =
            || format!("`{}` is no hardware address; give it as AA:BB:CC:DD:EE:FF", s.escape_debug());
        let parts: Vec<&str> = s.split([':', '-']).collect();
        let byte = |part: &&str| {
            let hex = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u8::from_str_radix(part, 16).ok()).flatten()
        };
        let bytes: Option<Vec<u8>> = parts.iter().map(byte).collect();
        let mac = bytes.and_then(|b| <[u8; 6]>::try_from(b).ok()).map(Self).ok_or_else(refused)?;
        // A group's address and none at all wake nobody, or everybody.
        let [first, ..] = mac.0;
        if first & 1 == 1 || mac.0 == [0; 6] { Err(refused()) } else { Ok(mac) }
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        s.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::testing::{op, order};

    const MAC: &str = "aa:bb:cc:dd:ee:0f";

    #[tokio::test]
    async fn a_packet_of_102_bytes_leaves_once_for_an_order() {
        let listener = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        let wake = Wake::new(Settings { broadcast: Some(to), ..Settings::default() });
        let operation = op("wake_node", json!({"node": "pve"}));
        let learnt = Some(MAC.parse().unwrap());
        let Operation::WakeNode(call) = &operation else { panic!() };
        let shown = wake.exact(call, learnt).unwrap();
        assert_eq!((shown.path, shown.body.as_str()), (to.to_string(), MAC));
        wake.send(order(&operation, false), learnt).await.unwrap();
        let mut buffer = [0; 200];
        let (size, _) = listener.recv_from(&mut buffer).await.unwrap();
        assert_eq!(size, 102);
        assert_eq!(buffer[..12], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x0f]);
        assert_eq!(buffer[96..102], [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x0f]);
        assert!(listener.try_recv_from(&mut buffer).is_err(), "one packet");
        let error = wake.send(order(&operation, false), None).await.unwrap_err();
        assert!(matches!(error, SendError::NotSent(_)), "{error}");
        let other = op("start_guest", json!({"vmid": 100}));
        assert!(wake.send(order(&other, false), learnt).await.is_err());
    }

    #[test]
    fn what_is_not_known_is_left_to_a_living_node() {
        let to: SocketAddr = "10.0.0.255:9".parse().unwrap();
        let pve: NodeName = "pve".parse().unwrap();
        let mac: Mac = MAC.parse().unwrap();
        let plan = |way: Option<Way>, broadcast, learnt| {
            let nodes = way.map(|way| (pve.clone(), way)).into_iter().collect();
            Wake::new(Settings { nodes, broadcast }).plan(&pve, learnt)
        };
        assert_eq!(plan(None, None, Some(mac)), Plan::Relay);
        assert_eq!(plan(None, Some(to), None), Plan::Relay);
        assert_eq!(plan(None, Some(to), Some(mac)), Plan::Packet { mac, to });
        let set = Way { mac: Some(mac), broadcast: Some(to), relay: false };
        assert_eq!(plan(Some(set.clone()), None, None), Plan::Packet { mac, to });
        assert_eq!(plan(Some(Way { relay: true, ..set }), Some(to), Some(mac)), Plan::Relay);
    }

    #[test]
    fn addresses_of_groups_and_nonsense_are_refused() {
        for good in [MAC, "AA-BB-CC-DD-EE-0F"] {
            assert_eq!(good.parse::<Mac>().unwrap().to_string(), MAC);
        }
        for bad in [
            "",
            "ff:ff:ff:ff:ff:ff",
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "aa:bb:cc:dd:ee",
            "aa:bb:cc:dd:ee:0f:11",
            "aa:bb:cc:dd:ee:+f",
            "\u{202e}",
        ] {
            assert!(bad.parse::<Mac>().is_err(), "{bad}");
        }
    }
}
