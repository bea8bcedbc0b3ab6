//! The `_meta` keys of the protocol itself, by name (MCP 2026-07-28, `_meta`).

/// The version of the request, and of its answer.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The client, as it calls itself.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// What the client can do for the server.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The least level of log messages wanted.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The listen request that a notification belongs to.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// The server, as it calls itself; in results.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The task that a message belongs to (2025-11-25).
pub const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// Ties progress notifications to their request.
pub const PROGRESS_TOKEN: &str = "progressToken";
