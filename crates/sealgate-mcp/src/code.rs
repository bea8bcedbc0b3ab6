//! JSON-RPC error codes: what MCP puts into `error.code`, by name.
//!
//! Codes from -32099 to -32020 belong to the specification: only those named here may be sent.
//! Codes from -32019 to -32000 are old habits of implementations: read without meaning, never sent.

/// The body is not JSON (JSON-RPC 2.0). HTTP 400, and the answer carries no id.
pub const PARSE_ERROR: i64 = -32700;
/// JSON, but not a JSON-RPC message that MCP allows (JSON-RPC 2.0). HTTP 400.
pub const INVALID_REQUEST: i64 = -32600;
/// No such method here (JSON-RPC 2.0). HTTP 404 towards modern clients (MCP 2026-07-28).
pub const METHOD_NOT_FOUND: i64 = -32601;
/// Unknown tool or prompt, bad arguments, bad cursor, a missing `_meta` key (JSON-RPC 2.0); since
/// 2026-07-28 also a resource that does not exist.
pub const INVALID_PARAMS: i64 = -32602;
/// Our fault or a backend's (JSON-RPC 2.0).
pub const INTERNAL_ERROR: i64 = -32603;

/// A required header is absent, malformed or differs from the body (MCP 2026-07-28). HTTP 400.
pub const HEADER_MISMATCH: i64 = -32020;
/// The client did not declare a capability that this call needs (MCP 2026-07-28); the capabilities
/// stand in `data.requiredCapabilities`. HTTP 400.
pub const MISSING_REQUIRED_CLIENT_CAPABILITY: i64 = -32021;
/// The protocol version is not spoken here (MCP 2026-07-28); `data.supported` lists those that
/// are, `data.requested` echoes. HTTP 400.
pub const UNSUPPORTED_PROTOCOL_VERSION: i64 = -32022;

/// A resource does not exist, up to 2025-11-25; modern peers say [`INVALID_PARAMS`].
pub const LEGACY_RESOURCE_NOT_FOUND: i64 = -32002;
/// The user has to visit a URL first (2025-11-25 only); `data.elicitations` lists them. Modern
/// peers answer with an input-required result instead.
pub const LEGACY_URL_ELICITATION_REQUIRED: i64 = -32042;

/// Whether a 4xx with this code proves that the peer speaks the modern era: what a client of both
/// eras looks at before it falls back to `initialize` (MCP 2026-07-28, versioning).
pub const fn is_modern(code: i64) -> bool {
    matches!(
        code,
        HEADER_MISMATCH | MISSING_REQUIRED_CLIENT_CAPABILITY | UNSUPPORTED_PROTOCOL_VERSION
    )
}
