//! Reads against the state, a scripted API and real commands.
