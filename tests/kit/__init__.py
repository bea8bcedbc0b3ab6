"""What the end-to-end tests stand on: processes, a raw MCP client, real servers, a verifying front."""
