//! Enters: a client's way to a backend. Leaves: as whom a list is asked for, as far as the backend
//! can tell, and whose a private list is.

use aws_lc_rs::digest::{Context, SHA256};

use crate::authenticate::Principal;
use crate::backend::Exchange;

/// Who asks for a list.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    /// What the backend is told of the client: its capabilities, its headers, and how they speak.
    /// Even a public list is kept apart by these, since servers list by them.
    pub(super) told: [u8; 32],
    /// The same, however they speak.
    pub(super) known: [u8; 32],
    pub(super) owner: Owner,
}

/// Whose a private list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owner {
    pub(super) principal: [u8; 16],
    /// Fingerprint of the legacy session that a legacy backend knows the client by.
    pub(super) session: Option<u64>,
}

impl Asker {
    /// Who asks over `exchange` a backend that speaks its era, or, for a modern client, the
    /// legacy one.
    pub(crate) fn new(exchange: &Exchange, principal: &Principal, is_modern: bool) -> Self {
        let speaker = exchange.speaker.as_deref().map(|speaker| &*speaker.capabilities);
        let session = exchange.reopen.as_ref();
        let capabilities =
            speaker.or(session.map(|session| &*session.token.client.capabilities)).unwrap_or("{}");
        let mut context = Context::new(&SHA256);
        put(&mut context, capabilities.as_bytes());
        for (name, value) in exchange.forwarded.iter() {
            put(&mut context, name.as_str().as_bytes());
            put(&mut context, value.as_bytes());
        }
        let known = finish(context.clone());
        let version = exchange.version.filter(|version| version.is_modern() == is_modern);
        put(&mut context, version.map_or("legacy", |version| version.as_str()).as_bytes());
        Self {
            told: finish(context),
            known,
            owner: Owner {
                principal: principal.digest(),
                session: session.filter(|_| !is_modern).map(|session| session.session),
            },
        }
    }
}

/// Two askers of the same parts in another order, or cut elsewhere, are two.
fn put(context: &mut Context, part: &[u8]) {
    context.update(&part.len().to_le_bytes());
    context.update(part);
}

fn finish(context: Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
