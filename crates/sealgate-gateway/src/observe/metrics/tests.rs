use std::time::UNIX_EPOCH;

use sealgate_mcp::method::Method;

use super::*;

const FAST: Duration = Duration::from_micros(900);

fn has(metrics: &Metrics, sample: &str) -> bool {
    metrics.render().lines().any(|line| line == sample)
}

#[test]
fn a_request_is_counted_under_route_method_backend_and_outcome() {
    let metrics = Metrics::new();
    let backend = metrics.backend("default/r", "github");
    backend.request(Method::ToolsCall, Outcome::Success, FAST);
    backend.request(Method::ToolsCall, Outcome::ToolError, Duration::from_secs(3));
    let route = metrics.route("default/r");
    route.request(Method::ToolsList, Outcome::Success, FAST);
    for sample in [
        "sealgate_requests_total{route=\"default/r\",method=\"tools/call\",backend=\"github\",outcome=\"success\"} 1",
        "sealgate_requests_total{route=\"default/r\",method=\"tools/call\",backend=\"github\",outcome=\"tool_error\"} 1",
        "sealgate_requests_total{route=\"default/r\",method=\"tools/list\",backend=\"\",outcome=\"success\"} 1",
        "sealgate_request_duration_seconds_count{route=\"default/r\",method=\"tools/call\",backend=\"github\"} 2",
        "sealgate_request_duration_seconds_sum{route=\"default/r\",method=\"tools/call\",backend=\"github\"} 3.0009",
        "sealgate_request_duration_seconds_bucket{le=\"0.001\",route=\"default/r\",method=\"tools/call\",backend=\"github\"} 1",
        "sealgate_request_duration_seconds_bucket{le=\"2.5\",route=\"default/r\",method=\"tools/call\",backend=\"github\"} 1",
        "sealgate_request_duration_seconds_bucket{le=\"+Inf\",route=\"default/r\",method=\"tools/call\",backend=\"github\"} 2",
        "mcp_method_count_total{mcp_method_name=\"tools/call\",status=\"failed\",mcp_backend=\"github\"} 1",
        "mcp_request_duration_count{mcp_backend=\"github\"} 2",
    ] {
        assert!(has(&metrics, sample), "{sample}\n{}", metrics.render());
    }
}

#[test]
fn a_duration_on_a_bound_belongs_below_it() {
    let metrics = Metrics::new();
    let route = metrics.route("r");
    route.request(Operation::STREAM, Outcome::Success, Duration::from_millis(5));
    let sample = "sealgate_request_duration_seconds_bucket{le=\"0.005\",route=\"r\",method=\"stream\",backend=\"\"} 1";
    assert!(has(&metrics, sample), "{}", metrics.render());
}

#[test]
fn callers_cannot_grow_the_set_of_labels() {
    let metrics = Metrics::new();
    let route = metrics.route("r");
    for number in 0..100 {
        let name = format!("made/up/{number}");
        route.request(Method::parse(&name), Outcome::Refused, FAST);
    }
    let text = metrics.render();
    assert!(!text.contains("made/up"));
    assert!(text.contains("method=\"other\",backend=\"\",outcome=\"refused\"} 100"), "{text}");
}

#[test]
fn every_method_that_clients_send_has_its_own_label() {
    use sealgate_mcp::method::Sender;
    for method in Method::ALL {
        let label = Operation::from(*method).label();
        match method.sender() {
            Sender::Client => assert_eq!(label, method.as_label()),
            Sender::Server => assert_eq!(label, "other"),
            Sender::Either => {}
        }
    }
}

#[test]
fn a_reload_goes_on_counting_and_a_removed_route_is_forgotten() {
    let metrics = Metrics::new();
    let before = metrics.route("r");
    before.session_opened();
    let after = metrics.route("r");
    drop(before);
    after.session_opened();
    assert!(has(&metrics, "sealgate_sessions_opened_total{route=\"r\"} 2"));
    drop(after);
    assert!(!metrics.render().contains("route=\"r\""));
}

#[test]
fn streams_are_open_until_they_are_dropped() {
    let metrics = Metrics::new();
    let route = metrics.route("r");
    let stream = route.stream_opened();
    assert!(has(&metrics, "sealgate_open_streams{route=\"r\"} 1"));
    drop(stream);
    assert!(has(&metrics, "sealgate_open_streams{route=\"r\"} 0"));
}

#[test]
fn signatures_errors_reloads_and_identities_have_their_families() {
    let metrics = Metrics::new();
    let backend = metrics.backend("r", "b");
    backend.signed();
    backend.failed("upstream_refused");
    metrics.process().reloaded(ReloadResult::Partial);
    metrics.process().lines_dropped(3);
    metrics.process().identities(|| {
        vec![IdentityFacts {
            name: "profile \"x\"".to_owned(),
            expires_at: Some(UNIX_EPOCH + Duration::from_secs(1_800_000_000)),
            refreshes: 4,
            failures: vec![("credentials_refused", 1)],
        }]
    });
    for sample in [
        "sealgate_signatures_total{route=\"r\",backend=\"b\"} 1",
        "sealgate_backend_errors_total{route=\"r\",backend=\"b\",kind=\"upstream_refused\"} 1",
        "sealgate_reloads_total{result=\"partial\"} 1",
        "sealgate_access_lines_dropped_total 3",
        "sealgate_identity_expiry_timestamp_seconds{identity=\"profile \\\"x\\\"\"} 1800000000",
        "sealgate_identity_refreshes_total{identity=\"profile \\\"x\\\"\",result=\"failed\"} 1",
    ] {
        assert!(has(&metrics, sample), "{sample}\n{}", metrics.render());
    }
}

#[test]
fn identities_of_one_name_are_told_as_one() {
    let metrics = Metrics::new();
    metrics.process().identities(|| {
        let one = |end, refreshes| IdentityFacts {
            name: "x".to_owned(),
            expires_at: Some(UNIX_EPOCH + Duration::from_secs(end)),
            refreshes,
            failures: vec![("credentials_refused", 1)],
        };
        vec![one(1_800_000_000, 4), one(1_700_000_000, 2)]
    });
    let text = metrics.render();
    let samples: Vec<_> = text.lines().filter(|line| line.contains("identity=\"x\"")).collect();
    let count = samples.len();
    assert!(
        samples.contains(&"sealgate_identity_expiry_timestamp_seconds{identity=\"x\"} 1700000000")
    );
    assert!(samples.contains(&"sealgate_identity_refreshes_total{identity=\"x\",result=\"ok\"} 6"));
    let kind = "kind=\"credentials_refused\"";
    assert!(
        samples.contains(&&*format!("sealgate_identity_failures_total{{identity=\"x\",{kind}}} 2"))
    );
    assert_eq!(count, 5, "{samples:#?}");
}

#[test]
fn the_text_is_well_formed() {
    let metrics = Metrics::new();
    let route = metrics.route("a \"quoted\"\nname\\");
    route.request(Method::Ping, Outcome::Success, FAST);
    let text = metrics.render();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("route=\"a \\\"quoted\\\"\\nname\\\\\""), "{text}");
    let families: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let mut unique = families.clone();
    unique.dedup();
    assert_eq!(families, unique);
}

#[test]
fn requests_are_counted_by_the_eras_in_which_they_were_spoken() {
    let metrics = Metrics::new();
    let (route, backend) = (metrics.route("r"), metrics.backend("r", "b"));
    backend.spoken(SpokenEras { client: Some(true), backend: Some(false) });
    backend.spoken(SpokenEras { client: Some(true), backend: Some(false) });
    route.spoken(SpokenEras { client: Some(false), backend: None });
    route.spoken(SpokenEras::default());
    for sample in [
        "sealgate_era_requests_total{route=\"r\",backend=\"b\",client_era=\"modern\",backend_era=\"legacy\"} 2",
        "sealgate_era_requests_total{route=\"r\",backend=\"\",client_era=\"legacy\",backend_era=\"none\"} 1",
        "sealgate_era_requests_total{route=\"r\",backend=\"\",client_era=\"none\",backend_era=\"none\"} 1",
    ] {
        assert!(has(&metrics, sample), "{sample}\n{}", metrics.render());
    }
}
