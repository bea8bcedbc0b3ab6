//! The crate as its users see it: sources in, resolved model and findings out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod admission;
mod certificates;
mod examples;
mod files;
mod hostile;
mod identity;
mod kitchen_sink;
mod mcp_json;
mod messages;
mod protection;
mod reload;
mod rendering;
mod resolution;
mod secrets;
mod support;
mod url;
