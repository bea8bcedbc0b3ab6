//! sealgate-mcp
