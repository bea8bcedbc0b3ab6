//! sealgate-gateway
