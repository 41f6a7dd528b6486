//! Stories told against the real binaries: one file a story.

mod foreign;
