use futures::future::join_all;

use super::Line;

#[tokio::test(flavor = "current_thread")]
async fn one_tries_and_its_success_is_everybody_s() {
    let line = Line::default();
    let seen = line.repairs();
    let first = line.wait(seen).await.unwrap();
    let others = (0..5).map(|_| line.wait(seen));
    let success = async {
        tokio::task::yield_now().await;
        first.succeeded();
    };
    let (others, ()) = tokio::join!(join_all(others), success);
    assert!(others.iter().all(Option::is_none));
}

#[tokio::test(flavor = "current_thread")]
async fn who_gives_up_leaves_the_turn_to_another() {
    let line = Line::default();
    let seen = line.repairs();
    drop(line.wait(seen).await);
    assert!(line.wait(seen).await.is_some());
}
