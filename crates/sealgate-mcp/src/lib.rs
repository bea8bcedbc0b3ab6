//! The Model Context Protocol on the wire: bytes of messages go in, what they say and how to edit
//! them comes out. No I/O, no clock, no task: whoever calls owns the sockets.
//!
//! Bytes stay bytes: messages are read through borrowed slices and edited by splicing; nothing is
//! decoded into a model and written again, so unknown members, key order and big integers survive.

pub mod batch;
pub mod caching;
pub mod capability;
pub mod code;
pub mod cursor;
pub mod discover;
pub mod envelope;
pub mod era;
pub mod event_id;
pub mod input_required;
mod key;
pub mod keyring;
pub mod list;
pub mod listen;
pub mod log_level;
pub mod meta_key;
pub mod method;
pub mod modern_headers;
pub mod name;
pub mod object;
pub mod param_header;
mod reader;
pub mod reply;
pub mod resource_uri;
pub mod reword;
pub mod rpc_error;
pub mod session;
pub mod splice;
pub mod sse;
pub mod translate;
pub mod version;
