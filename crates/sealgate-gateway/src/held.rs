//! Enters: a body as it arrives. Leaves: all of it at once, if it is no larger than that.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

/// Why a body could not be held.
pub(crate) enum Unheld<E> {
    /// It is larger than the limit.
    TooLarge,
    /// It broke off.
    Broken(E),
}

/// Reads what follows `first`, up to `limit` bytes with it. One frame, the usual case, is passed
/// on without a copy.
pub(crate) async fn hold<B>(
    mut first: Bytes,
    mut body: B,
    limit: usize,
) -> Result<Bytes, Unheld<B::Error>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(Unheld::Broken)?.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(Unheld::TooLarge);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn what_fits_is_held_and_a_single_frame_is_not_copied() {
        let data = Bytes::from_static(b"12345");
        let held = hold(Bytes::new(), Full::new(data.clone()), 5).await.ok().unwrap();
        assert_eq!(held.as_ptr(), data.as_ptr());
        let held = hold(Bytes::from_static(b"0"), Full::new(data.clone()), 6).await.ok();
        assert_eq!(held.as_deref(), Some(&b"012345"[..]));
        let unheld = hold(Bytes::from_static(b"0"), Full::new(data), 5).await;
        assert!(matches!(unheld, Err(Unheld::TooLarge)));
    }
}
