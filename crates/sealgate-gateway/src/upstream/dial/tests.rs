use super::*;

#[test]
fn address_families_take_turns_beginning_with_the_first() {
    let parse = |list: [&str; 4]| list.map(|address| address.parse().unwrap()).to_vec();
    assert_eq!(
        interleave(parse(["[::1]:1", "[::2]:1", "127.0.0.1:1", "127.0.0.2:1"])),
        parse(["[::1]:1", "127.0.0.1:1", "[::2]:1", "127.0.0.2:1"]),
    );
}

#[tokio::test]
async fn no_address_at_all_is_an_error() {
    assert!(dial(Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_refusal_moves_on_without_waiting() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let started = std::time::Instant::now();
    let alive = listener.local_addr().unwrap();
    let stream = dial(vec![dead, dead, alive]).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), alive);
    assert!(started.elapsed() < ATTEMPT_DELAY);
    assert!(stream.nodelay().unwrap());
}

#[tokio::test]
async fn the_last_refusal_is_what_is_told() {
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = dial(vec![dead, dead]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}
