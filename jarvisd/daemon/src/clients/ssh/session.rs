//! Opening a session: connect, exchange keys, check the host, log in; all within one deadline.

use std::{
    net::{TcpStream, ToSocketAddrs},
    os::fd::AsFd,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt,
};
use secrecy::ExposeSecret;
use ssh2::{BlockDirections, MethodType, Session};

use super::{Offered, Settings, Target, error::SshError};
use crate::clock::Clock;

/// A node that lost its power says nothing. Asked after this long of silence …
const PROBE_AFTER: Duration = Duration::from_secs(15);
/// … this often …
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// … and so many times, until the kernel calls the connection broken; half a minute in all.
const PROBES: u32 = 3;
/// The same for what was sent and never acknowledged.
const UNANSWERED_WAIT_MS: u32 = 30_000;

/// A logged-in session and the socket it runs on, which must be waited for by hand when not blocking.
pub(super) struct Open {
    pub session: Session,
    pub socket: TcpStream,
}

pub(super) fn open(target: &Target, settings: &Settings, clock: Clock) -> Result<Open, SshError> {
    let deadline = clock.monotonic() + settings.connect;
    let open = meet(target, settings, deadline, clock)?;
    settings.host_keys.check(&open.session, target)?;
    open.session.set_timeout(millis_left(deadline, clock));
    let key = settings.key.expose_secret();
    open.session.userauth_pubkey_memory(&target.user, None, key, None).map_err(|e| {
        SshError::LoginRefused {
            node: target.node.clone(),
            user: target.user.clone(),
            reason: e.message().to_owned(),
        }
    })?;
    Ok(open)
}

/// The key that a server shows, for a person to compare. Nobody is logged in.
pub(super) fn offered(target: &Target, settings: &Settings, clock: Clock) -> Result<Offered, SshError> {
    let open = meet(target, settings, clock.monotonic() + settings.connect, clock)?;
    settings.host_keys.offered(&open.session, target)
}

/// Connects and exchanges keys; whom this is has not been checked yet.
fn meet(target: &Target, settings: &Settings, deadline: Instant, clock: Clock) -> Result<Open, SshError> {
    let address = format!("{}:{}", target.host, target.port);
    let node = || target.node.clone();
    let unreachable = |source| SshError::Unreachable { node: node(), address: address.clone(), source };

    let first = (target.host.as_str(), target.port).to_socket_addrs().map_err(unreachable)?.next();
    let first = first.ok_or_else(|| unreachable(std::io::Error::other("the name has no address")))?;
    let socket = TcpStream::connect_timeout(&first, settings.connect).map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    notice_death(&socket).map_err(|e| unreachable(e.into()))?;

    let step = |step: &'static str| {
        let address = address.clone();
        move |e: ssh2::Error| SshError::Handshake {
            node: target.node.clone(),
            address,
            step,
            reason: e.message().to_owned(),
        }
    };
    let mut session = Session::new().map_err(step("preparing a session"))?;
    session
        .method_pref(MethodType::HostKey, &settings.host_keys.preference(target))
        .map_err(step("choosing host key types"))?;
    session.set_tcp_stream(socket.try_clone().map_err(unreachable)?);
    session.set_timeout(millis_left(deadline, clock));
    session.handshake().map_err(step("the key exchange"))?;
    Ok(Open { session, socket })
}

fn notice_death(socket: &TcpStream) -> rustix::io::Result<()> {
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(socket, PROBE_EVERY)?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    sockopt::set_tcp_user_timeout(socket, UNANSWERED_WAIT_MS)
}

/// libssh2 takes 0 for "for ever", so there is always at least a millisecond.
fn millis_left(deadline: Instant, clock: Clock) -> u32 {
    let left = deadline.saturating_duration_since(clock.monotonic());
    u32::try_from(left.as_millis()).unwrap_or(u32::MAX).max(1)
}

/// Waits until the socket can go on in the direction libssh2 is blocked on, `wake` has something, or `wait` is over.
pub(super) fn await_io(open: &Open, wake: Option<&dyn AsFdDyn>, wait: Duration) {
    let flags = match open.session.block_directions() {
        BlockDirections::Outbound => PollFlags::OUT,
        BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
        BlockDirections::None | BlockDirections::Inbound => PollFlags::IN,
    };
    let timeout = Timespec::try_from(wait).ok();
    let mut fds = vec![PollFd::from_borrowed_fd(open.socket.as_fd(), flags)];
    if let Some(wake) = wake {
        fds.push(PollFd::from_borrowed_fd(wake.fd(), PollFlags::IN));
    }
    // An interrupted wait is a short wait: the caller looks again.
    let _ = poll(&mut fds, timeout.as_ref());
}

/// `AsFd` behind a reference.
pub(super) trait AsFdDyn {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_>;
}

impl<T: AsFd> AsFdDyn for T {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.as_fd()
    }
}
