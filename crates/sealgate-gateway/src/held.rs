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

/// What has come this far, in bytes, is taken at its word on how much is to come: room is made for
/// all of it at once. Before that a word alone costs no memory.
const TRUSTED: usize = 1 << 20;

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
        if all.len() >= TRUSTED && all.capacity() - all.len() < data.len() {
            let announced = usize::try_from(body.size_hint().lower()).unwrap_or_default();
            all.reserve(data.len() + announced.min(limit - all.len() - data.len()));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use http_body_util::Full;
    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// A body in pieces whose length was announced.
    struct Announced(VecDeque<Bytes>);

    impl Body for Announced {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
        }
    }

    #[tokio::test]
    async fn a_large_body_takes_no_more_room_than_it_announced() {
        let piece = Bytes::from(vec![b'x'; 100_000]);
        let body = Announced(std::iter::repeat_n(piece, 50).collect());
        let held = hold(Bytes::new(), body, 6_000_000).await.ok().unwrap();
        assert_eq!(held.len(), 5_000_000);
        assert_eq!(held.try_into_mut().unwrap().capacity(), 5_000_000);
    }

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
