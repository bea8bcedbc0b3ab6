//! Server capabilities: what several backends declare → what the gateway declares for them all.

mod offers;

pub use offers::Offers;
