use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;

use super::*;

struct Fixed(Mutex<Readiness>);

impl Status for Fixed {
    fn readiness(&self) -> Readiness {
        *self.0.lock().unwrap()
    }

    fn overview(&self) -> Overview {
        Overview {
            routes: vec![RouteOverview {
                name: "default/r".to_owned(),
                path: "/mcp".to_owned(),
                backends: vec![BackendOverview {
                    name: "github".to_owned(),
                    target: "https://api.example.test/mcp".to_owned(),
                    seal: "aws".to_owned(),
                    trouble: Some("upstream_refused".to_owned()),
                }],
            }],
            identities: vec![IdentityOverview {
                name: "default chain".to_owned(),
                expires_at: Some(SystemTime::now() + Duration::from_secs(3600)),
                trouble: None,
            }],
            findings: vec!["error: no such secret\n".to_owned()],
        }
    }
}

fn admin() -> (Admin, Arc<Fixed>) {
    let status = Arc::new(Fixed(Mutex::new(Readiness::Ready)));
    (Admin::new(Arc::clone(&status) as Arc<dyn Status>, Arc::new(Metrics::new())), status)
}

async fn get(admin: &Admin, path: &str, query: &str) -> (u16, String) {
    let response = admin.respond(&Method::GET, path, query);
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn readiness_follows_the_plan_and_health_does_not() {
    let (admin, status) = admin();
    for (readiness, expected) in
        [(Readiness::Starting, 503), (Readiness::Ready, 200), (Readiness::Draining, 503)]
    {
        *status.0.lock().unwrap() = readiness;
        assert_eq!(get(&admin, "/readyz", "").await.0, expected);
        assert_eq!(get(&admin, "/healthz", "").await, (200, "ok\n".to_owned()));
    }
}

#[tokio::test]
async fn a_verbose_readiness_tells_what_is_served_and_what_is_wrong() {
    let (admin, _) = admin();
    for query in ["verbose", "verbose=1", "a=b&verbose"] {
        let (status, text) = get(&admin, "/readyz", query).await;
        assert_eq!(status, 200);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "ready",
                "route default/r at /mcp",
                "  backend github to https://api.example.test/mcp, seal aws: upstream_refused",
            ]
        );
        assert!(lines[3].starts_with("identity default chain, expires in 3"), "{text}");
        assert_eq!(lines[4], "error: no such secret");
    }
    assert_eq!(get(&admin, "/readyz", "verbosely").await.1, "ready\n");
}

#[tokio::test]
async fn metrics_and_index_are_served_and_nothing_else() {
    let (admin, _) = admin();
    assert!(get(&admin, "/metrics", "").await.1.ends_with("# EOF\n"));
    assert!(get(&admin, "/", "").await.1.contains("/readyz"));
    for path in ["/metrics/", "/debug", "//", "/healthz/../metrics"] {
        assert_eq!(get(&admin, path, "").await.0, 404);
    }
}

#[test]
fn only_reading_is_allowed() {
    let (admin, _) = admin();
    for method in [Method::POST, Method::DELETE, Method::PUT, Method::OPTIONS] {
        let response = admin.respond(&method, "/healthz", "");
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
}

#[test]
fn metrics_say_what_they_are() {
    let (admin, _) = admin();
    let response = admin.respond(&Method::HEAD, "/metrics", "");
    assert_eq!(response.headers()[CONTENT_TYPE], OPEN_METRICS);
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
}

#[tokio::test]
async fn the_address_is_served_until_the_drain() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let drain = Drain::default();
    let (address, serving) =
        serve("127.0.0.1:0".parse().unwrap(), admin().0, drain.clone()).unwrap();
    let serving = tokio::spawn(serving);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"HEAD /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("content-length: 6\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    drain.run(std::time::Duration::from_secs(60)).await;
    serving.await.unwrap();
}
