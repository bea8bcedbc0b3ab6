use std::future::poll_fn;
use std::task::Poll;

use super::*;

/// Waits for the first wish that is not to run.
async fn wished(mut ticket: Ticket) -> Wish {
    poll_fn(|cx| match ticket.poll(cx) {
        Wish::Run => Poll::Pending,
        other => Poll::Ready(other),
    })
    .await
}

#[tokio::test]
async fn a_wish_reaches_those_who_wait_and_those_who_come_late() {
    let drain = Drain::default();
    let early = tokio::spawn(wished(drain.ticket()));
    tokio::task::yield_now().await;
    assert_eq!(drain.run(Duration::from_secs(60)).await, 0);
    assert_eq!(early.await.unwrap(), Wish::Finish);
    assert_eq!(wished(drain.ticket()).await, Wish::Stop);
}

#[tokio::test]
async fn those_who_do_not_finish_are_woken_again_to_stop() {
    let drain = Drain::default();
    let mut ticket = drain.ticket();
    let stubborn = tokio::spawn(async move {
        poll_fn(|cx| match ticket.poll(cx) {
            Wish::Stop => Poll::Ready(()),
            Wish::Run | Wish::Finish => Poll::Pending,
        })
        .await;
    });
    assert_eq!(drain.run(Duration::from_millis(5)).await, 1);
    stubborn.await.unwrap();
    assert_eq!(drain.open(), 0);
}

#[tokio::test]
async fn nobody_to_wait_for_is_no_wait() {
    assert_eq!(Drain::default().run(Duration::from_secs(60)).await, 0);
}
