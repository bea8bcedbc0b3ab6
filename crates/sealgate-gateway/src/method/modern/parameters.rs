//! Enters: a modern client's tool call for a legacy backend. Leaves: the same, once its
//! `Mcp-Param-*` headers agree with its arguments: a legacy backend does not look at them.

use sealgate_mcp::param_header;

use super::super::Call;
use crate::authorize::Target;
use crate::backend::{Lease, schemas};
use crate::fail::Failure;
use crate::receive::carried;

/// Checks the headers that the tool's schema names.
///
/// # Errors
/// [`Failure::Modern`] with -32020.
pub(super) async fn check(call: &Call<'_, '_>, lease: &mut Lease) -> Result<(), Failure> {
    let received = &call.permit.received;
    let Target::Named { name, .. } = &call.permit.target else { return Ok(()) };
    let is_call = received.message.method.as_deref() == Some("tools/call");
    if !is_call {
        return Ok(());
    }
    let Some(headers) = schemas::of_lease(&call.worker.gateway, lease, name).await else {
        return Ok(());
    };
    let arguments = received.message.params.as_ref().and_then(|params| params.arguments);
    param_header::check(&headers, arguments, |name| carried(received.headers, name))
        .map_err(Failure::Modern)
}
