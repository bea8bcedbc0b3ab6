//! sealgate-aws
