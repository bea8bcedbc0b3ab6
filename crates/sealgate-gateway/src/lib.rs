//! The data plane: one MCP endpoint in front of many servers. See `docs/architecture.md`.
//!
//! Modules stand in the order in which a request walks through them; `walk` calls them.

pub mod admin;
pub mod authenticate;
mod authorize;
mod backend;
pub mod fail;
mod fanout;
pub mod listen;
mod method;
pub mod observe;
mod receive;
mod reply;
mod seal;
mod session;
pub mod upstream;

mod alarms;
mod changes;
mod gateway;
mod held;
mod identities;
mod in_flight;
pub mod plan;
mod walk;

pub use gateway::{Gateway, Limits};
pub use identities::Identities;
pub use reply::{BrokenOff, ReplyBody};
pub use walk::Worker;
