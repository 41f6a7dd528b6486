//! The text frames of `/ws/terminal/{node}`. Everything binary there is the shell's own bytes, either way.

use serde::{Deserialize, Serialize};

use crate::cluster::NodeName;

/// What a screen says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TerminalClientFrame {
    /// First of all, on a socket opened with `resume=true`: back to the shell with this `id`, of whose output so
    /// many bytes had arrived. Without a count everything that is kept is sent again.
    Resume {
        id: String,
        #[serde(default)]
        #[cfg_attr(test, ts(optional))]
        received: Option<i64>,
    },
    Resize {
        cols: u16,
        rows: u16,
    },
    /// So many more bytes of output are drawn. Above a window of unacknowledged bytes nothing more is sent.
    Ack {
        bytes: u32,
    },
    /// Ends the shell; a socket that only closes leaves it waiting for its return.
    Hangup,
    Pong,
}

/// What the daemon says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TerminalServerFrame {
    /// The shell is there; its output follows.
    Ready {
        /// With this the same session comes back to the same shell. A secret: it never goes into a URL.
        id: String,
        /// The shell's name in the audit.
        name: String,
        node: NodeName,
        /// Who one is on the node.
        user: String,
        resumed: bool,
        /// The first byte that follows is this one of all output. Not what was asked for: what lies between is
        /// gone, and the screen starts empty.
        offset: i64,
        /// Without a key pressed for this long the shell is ended.
        idle_ms: i64,
        /// Without a connection for this long too.
        resume_ms: i64,
        /// Output under way, unacknowledged, at most.
        window_bytes: u32,
        /// Typed bytes under way, not `taken`, at most.
        typed_bytes_max: u32,
    },
    /// So many more typed bytes went to the node.
    Taken {
        bytes: u32,
    },
    /// Nobody typed for long: the shell ends this soon. Zero: somebody did again.
    Idle {
        left_ms: i64,
    },
    /// The shell's own end: its code, or the signal that ended it.
    Exit {
        #[cfg_attr(test, ts(type = "number | null"))]
        code: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        signal: Option<String>,
    },
    /// What happened, to what, what to do. The connection closes after it.
    Error {
        message: String,
    },
    Ping {
        server_time_ms: i64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_as_the_interface_says() {
        for (text, frame) in [
            (r#"{"type":"resize","cols":80,"rows":24}"#, TerminalClientFrame::Resize { cols: 80, rows: 24 }),
            (r#"{"type":"ack","bytes":65536}"#, TerminalClientFrame::Ack { bytes: 65_536 }),
            (r#"{"type":"resume","id":"x"}"#, TerminalClientFrame::Resume { id: "x".into(), received: None }),
            (r#"{"type":"hangup","more":1}"#, TerminalClientFrame::Hangup),
        ] {
            assert_eq!(serde_json::from_str::<TerminalClientFrame>(text).unwrap(), frame);
        }
        for bad in [r#"{"type":"resize","cols":-1,"rows":2}"#, r#"{"type":"ack"}"#, r#"{"type":"dance"}"#] {
            assert!(serde_json::from_str::<TerminalClientFrame>(bad).is_err(), "{bad}");
        }
        let exit = TerminalServerFrame::Exit { code: Some(3), signal: None };
        assert_eq!(serde_json::to_string(&exit).unwrap(), r#"{"type":"exit","code":3}"#);
        let killed = TerminalServerFrame::Exit { code: None, signal: Some("HUP".into()) };
        assert_eq!(serde_json::to_string(&killed).unwrap(), r#"{"type":"exit","code":null,"signal":"HUP"}"#);
    }
}
