//! Wake-on-LAN: a UDP port that stands for the cluster's broadcast address.

use std::sync::Arc;

use tokio::net::UdpSocket;

use crate::cluster::World;
use crate::records::{Effect, Side};
use crate::sim::Sim;

/// Six bytes and sixteen times an address, perhaps with a password; larger packets are none.
const PACKET_MAX: usize = 1_500;

/// Listens until the future is dropped.
pub async fn serve(sim: Arc<Sim>, socket: UdpSocket) {
    let mut packet = [0_u8; PACKET_MAX];
    loop {
        let Ok((n, peer)) = socket.recv_from(&mut packet).await else { continue };
        let bytes = packet.get(..n).unwrap_or_default();
        sim.with(|w| take(w, bytes, &peer.to_string()));
    }
}

fn take(world: &mut World, bytes: &[u8], peer: &str) {
    let mac = magic(bytes);
    let met = mac.as_deref().and_then(|mac| world.magic_packet(mac));
    let why = match (&mac, &met) {
        (None, _) => Some("not a magic packet"),
        (_, None) => Some("no machine has this address"),
        (_, Some((_, false))) => Some("the machine is not off"),
        (_, Some((_, true))) => None,
    };
    let node = met.map(|(name, _)| name);
    let effect = Effect {
        unix_ms: world.now.unix_ms,
        side: Side::Wake,
        by: "anybody".into(),
        method: "WAKE".into(),
        path: "/".into(),
        params: mac.into_iter().map(|m| ("mac".to_owned(), m)).collect(),
        target: node.as_ref().map(|n| format!("node/{n}")),
        node,
        acted: why.is_none(),
        why: why.map(str::to_owned),
        peer: peer.to_owned(),
        ..Effect::default()
    };
    world.effects.add(effect);
}

/// The address a magic packet wakes, as `AA:BB:CC:DD:EE:FF`; the pattern may lie anywhere in the packet.
fn magic(bytes: &[u8]) -> Option<String> {
    let pattern = |at: &[u8]| {
        let (sync, rest) = at.split_at_checked(6)?;
        let mac = rest.get(..6)?;
        let repeated = rest.get(..96)?.chunks(6).all(|c| c == mac);
        let text: Vec<String> = mac.iter().map(|b| format!("{b:02X}")).collect();
        (sync.iter().all(|b| *b == 0xff) && repeated).then(|| text.join(":"))
    };
    (0..bytes.len()).find_map(|from| pattern(bytes.get(from..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magic_packet_is_known_wherever_it_lies_and_nothing_else_is() {
        let mac = [0x58, 0x47, 0xca, 1, 2, 3];
        let packet = [vec![0xff; 6], mac.repeat(16)].concat();
        assert_eq!(magic(&packet).as_deref(), Some("58:47:CA:01:02:03"));
        assert_eq!(
            magic(&[vec![1, 2], packet.clone(), vec![9; 6]].concat()).as_deref(),
            Some("58:47:CA:01:02:03")
        );
        assert_eq!(magic(&packet[..101]), None);
        let mut broken = packet;
        broken[50] ^= 1;
        assert_eq!(magic(&broken), None);
        assert_eq!(magic(b""), None);
    }
}
