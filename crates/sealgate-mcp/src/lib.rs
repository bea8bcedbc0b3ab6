//! The Model Context Protocol on the wire: bytes of messages go in, what they say and how to edit
//! them comes out. No I/O, no clock, no task: whoever calls owns the sockets.
//!
//! Bytes stay bytes: messages are read through borrowed slices and edited by splicing; nothing is
//! decoded into a model and written again, so unknown members, key order and big integers survive.

pub mod caching;
pub mod capability;
pub mod code;
pub mod envelope;
pub mod era;
pub mod keyring;
pub mod list;
pub mod log_level;
pub mod meta_key;
pub mod method;
pub mod name;
pub mod object;
pub mod reply;
pub mod session;
pub mod splice;
pub mod sse;
pub mod version;
