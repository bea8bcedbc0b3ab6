//! Calls and streams that take as long as AgentCore Runtime lets them: real connections, and a
//! clock that jumps to whatever is waited for next.

use http_body_util::BodyExt;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// A server that lets this long go by before it answers.
async fn answering_after(wait: Duration) -> Scripted {
    let peer = Peer::start(move |_, mut talk| async move {
        while talk.request().await.is_some() {
            tokio::time::sleep(wait).await;
            talk.say(OK).await;
        }
    })
    .await;
    Scripted { peer, requests: Arc::default() }
}

/// A server that streams one comment a minute, so many of them, and ends.
async fn streaming_for(minutes: usize) -> Scripted {
    let peer = Peer::start(move |_, mut talk| async move {
        while talk.request().await.is_some() {
            talk.say(HEAD).await;
            for _ in 0..minutes {
                tokio::time::sleep(MINUTE).await;
                talk.say("3\r\n:\n\n\r\n").await;
            }
            talk.say("0\r\n\r\n").await;
        }
    })
    .await;
    Scripted { peer, requests: Arc::default() }
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_fifteen_minutes_and_no_longer() {
    let limit = 15 * MINUTE;
    let server = answering_after(limit - Duration::from_secs(1)).await;
    let began = Instant::now();
    let status = ask_within(&server.backend(fixed()), CALL, limit).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert!(began.elapsed() >= limit - Duration::from_secs(1));

    let server = answering_after(limit + Duration::from_secs(1)).await;
    let error = ask_within(&server.backend(fixed()), CALL, limit).await.unwrap_err();
    assert_eq!(error.reason(), "upstream_first_byte_timeout");
}

#[tokio::test(start_paused = true)]
async fn a_streamed_answer_may_take_an_hour_and_no_longer() {
    let limit = 60 * MINUTE;
    for (minutes, fits) in [(59, true), (61, false)] {
        let server = streaming_for(minutes).await;
        let backend = server.backend(fixed());
        let draft = Draft::post(&backend, Bytes::from_static(CALL.as_bytes()));
        let deadlines = SendDeadlines { connect: Duration::from_secs(5), first_byte: limit };
        let (pool, began) = (Pool::new(PoolLimits::default()), Instant::now());
        let sent = send(&pool, &draft, deadlines).await.unwrap().within(limit, began, limit);
        let Sent::Streaming(response) = sent else { panic!("read ahead") };
        let ended = response.into_body().collect().await;
        assert_eq!(ended.is_ok(), fits, "{minutes} minutes");
        let expected = MINUTE * u32::try_from(minutes.min(60)).unwrap();
        assert!(began.elapsed() >= expected && began.elapsed() < expected + MINUTE);
    }
}
