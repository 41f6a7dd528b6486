//! Tests of the whole room over real sockets: the server on port 0, a store in a new directory, a state fed by hand.

mod access;
mod credentials;
mod harness;
mod lists;
mod patience;
mod policy;
mod scraping;
mod streams;
mod strictness;
mod terminal;
