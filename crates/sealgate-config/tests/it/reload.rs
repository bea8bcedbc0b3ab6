//! What a bad edit breaks keeps its last good version, and nothing else does.

use std::fs;
use std::path::PathBuf;

use sealgate_config::resolved::Credential;
use sealgate_config::{Memory, Outcome, Severity, Source, reload};

use crate::support::{options, secret};

/// A directory that is loaded again and again.
struct Directory {
    path: PathBuf,
    memory: Memory,
}

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealgate-r-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self { path, memory: Memory::default() }
    }

    fn write(&mut self, name: &str, text: &str) -> &mut Self {
        fs::write(self.path.join(name), text).unwrap();
        self
    }

    fn remove(&mut self, name: &str) -> &mut Self {
        fs::remove_file(self.path.join(name)).unwrap();
        self
    }

    fn load(&mut self) -> Outcome {
        reload(&[Source::Path(self.path.clone())], &options(), &mut self.memory)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn route(name: &str, path: &str, backends: &[&str]) -> String {
    let references: String = backends
        .iter()
        .map(|b| format!("    - {{ name: {b}, group: gateway.envoyproxy.io, kind: Backend }}\n"))
        .collect();
    format!(
        "---\napiVersion: aigateway.envoyproxy.io/v1beta1\nkind: MCPRoute\n\
         metadata: {{ name: {name} }}\nspec:\n  parentRefs: [{{ name: g }}]\n  path: {path}\n  \
         backendRefs:\n{references}"
    )
}

fn backend(name: &str, port: &str) -> String {
    format!(
        "---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\n\
         metadata: {{ name: {name} }}\n\
         spec: {{ endpoints: [{{ ip: {{ address: 127.0.0.1, port: {port} }} }}] }}\n"
    )
}

/// `route/path: backend@authority …`, one a route.
fn served(outcome: &Outcome) -> Vec<String> {
    let route = |route: &sealgate_config::resolved::Route| {
        let backends: Vec<_> =
            route.backends.iter().map(|b| format!("{}@{}", b.name, b.authority)).collect();
        format!("{} {}: {}", route.name, route.path, backends.join(" "))
    };
    outcome.resolved.routes.iter().map(route).collect()
}

/// Errors of what was kept, then other errors.
fn errors(outcome: &Outcome) -> (Vec<String>, Vec<String>) {
    let errors = outcome.findings.iter().filter(|f| f.severity == Severity::Error);
    let (kept, other): (Vec<_>, Vec<_>) = errors.partition(|finding| finding.kept);
    let words = |list: Vec<&sealgate_config::Finding>| {
        list.iter().map(|finding| finding.message.clone()).collect()
    };
    (words(kept), words(other))
}

#[test]
fn a_bad_resource_stays_as_it_was_while_its_neighbours_change() {
    let mut files = Directory::new("neighbours");
    files.write(
        "all.yaml",
        &[route("a", "/a", &["x"]), route("b", "/b", &["x"]), backend("x", "1")].concat(),
    );
    assert_eq!(
        served(&files.load()),
        ["default/a /a: x@127.0.0.1:1", "default/b /b: x@127.0.0.1:1"]
    );
    // One document breaks, the other two change.
    files.write(
        "all.yaml",
        &[route("a", "nonsense", &["x"]), route("b", "/b2", &["x"]), backend("x", "2")].concat(),
    );
    let outcome = files.load();
    assert_eq!(served(&outcome), ["default/a /a: x@127.0.0.1:2", "default/b /b2: x@127.0.0.1:2"]);
    let (kept, other) = errors(&outcome);
    assert_eq!((kept.len(), other.len()), (1, 0), "{:?}", outcome.findings);
    let place = outcome.findings[0].place.as_ref().unwrap();
    assert!(place.file.ends_with("all.yaml"));
    assert_eq!((place.line, place.field.as_str()), (7, "spec.path"));
    assert!(outcome.findings[0].render(false).contains("the last good version stays in force"));
    // The fix is taken, whatever it is.
    files.write("all.yaml", &[route("a", "/fixed", &["x"]), backend("x", "2")].concat());
    let outcome = files.load();
    assert_eq!(served(&outcome), ["default/a /fixed: x@127.0.0.1:2"]);
    assert_eq!(outcome.findings, []);
}

#[test]
fn a_removal_is_honoured_while_another_resource_is_broken() {
    let mut files = Directory::new("removal");
    files.write("a.yaml", &[route("a", "/a", &["x", "y"]), backend("x", "1")].concat());
    files.write("b.yaml", &[route("b", "/b", &["x"]), backend("y", "1")].concat());
    files.load();
    // The route b goes, the backend y goes, the backend x breaks.
    files.write("a.yaml", &[route("a", "/a", &["x", "y"]), backend("x", "99999")].concat());
    files.remove("b.yaml");
    let outcome = files.load();
    assert_eq!(served(&outcome), ["default/a /a: x@127.0.0.1:1"]);
    let (kept, other) = errors(&outcome);
    assert_eq!(kept[0], "Backend default/x is invalid, see its errors");
    assert!(kept[1].contains("99999"), "{kept:?}");
    assert!(other[0].contains("backends.gateway.envoyproxy.io \"y\" not found"), "{other:?}");
    // A route that is short of a removed backend still takes edits.
    files.write("a.yaml", &[route("a", "/a2", &["x", "y"]), backend("x", "3")].concat());
    assert_eq!(served(&files.load()), ["default/a /a2: x@127.0.0.1:3"]);
}

#[test]
fn a_file_that_is_no_yaml_keeps_all_that_came_from_it_and_no_more() {
    let mut files = Directory::new("syntax");
    files.write("a.yaml", &[route("a", "/a", &["x"]), backend("x", "1")].concat());
    files.write("b.yaml", &[route("b", "/b", &["x"]), route("c", "/c", &["x"])].concat());
    assert_eq!(files.load().resolved.routes.len(), 3);
    files.write("b.yaml", &[route("b", "/b2", &["x"]), "---\nkind: [\n".to_owned()].concat());
    files.write("a.yaml", &[route("a", "/a2", &["x"]), backend("x", "2")].concat());
    let outcome = files.load();
    assert_eq!(
        served(&outcome),
        [
            "default/a /a2: x@127.0.0.1:2",
            "default/b /b: x@127.0.0.1:2",
            "default/c /c: x@127.0.0.1:2"
        ]
    );
    assert_eq!(errors(&outcome).0.len(), 1, "{:?}", outcome.findings);
    // Still broken, in another way: the same good version stays.
    files.write("b.yaml", "a: b: c");
    assert_eq!(files.load().resolved.routes.len(), 3);
    // Gone for good.
    files.remove("b.yaml");
    assert_eq!(served(&files.load()), ["default/a /a2: x@127.0.0.1:2"]);
}

#[test]
fn a_broken_file_may_hold_what_was_already_kept() {
    let mut files = Directory::new("twice");
    files.write("a.yaml", &[route("a", "/a", &["x"]), backend("x", "1")].concat());
    files.load();
    files.write("a.yaml", &[route("a", "/a", &["x"]), backend("x", "0")].concat());
    assert_eq!(served(&files.load()), ["default/a /a: x@127.0.0.1:1"]);
    files.write("a.yaml", "kind: [");
    assert_eq!(served(&files.load()), ["default/a /a: x@127.0.0.1:1"]);
    files.write("a.yaml", &[route("a", "/new", &["x"]), backend("x", "0")].concat());
    assert_eq!(served(&files.load()), ["default/a /new: x@127.0.0.1:1"]);
}

#[test]
fn slips_in_kind_version_or_name_take_nothing_away() {
    let good = [route("a", "/a", &["x"]), backend("x", "1")].concat();
    for (right, wrong) in [
        ("kind: MCPRoute", "kind: MCPRout"),
        ("v1beta1", "v1beta9"),
        ("aigateway.envoyproxy.io", "aigateway.envoyproxy.oi"),
        ("metadata: { name: a }", "metadata: { nam: a }"),
        ("kind: MCPRoute\n", "\n"),
    ] {
        let mut files = Directory::new("slips");
        files.write("a.yaml", &good).load();
        files.write("a.yaml", &good.replacen(right, wrong, 1));
        let outcome = files.load();
        assert_eq!(served(&outcome), ["default/a /a: x@127.0.0.1:1"], "{wrong}");
        assert!(!errors(&outcome).0.is_empty(), "{wrong}");
    }
}

#[test]
fn an_emptied_file_is_one_that_is_being_written() {
    let mut files = Directory::new("emptied");
    files.write("a.yaml", &[route("a", "/a", &["x"]), backend("x", "1")].concat()).load();
    files.write("a.yaml", "\n");
    assert_eq!(files.load().resolved.routes.len(), 1);
}

#[test]
fn a_source_that_is_gone_for_a_moment_keeps_all_of_it() {
    let mut files = Directory::new("gone");
    files.write("a.yaml", &[route("a", "/a", &["x"]), backend("x", "1")].concat()).load();
    let away = files.path.with_extension("away");
    fs::rename(&files.path, &away).unwrap();
    let outcome = files.load();
    assert_eq!(outcome.resolved.routes.len(), 1);
    assert!(errors(&outcome).0[0].starts_with("cannot read "), "{:?}", outcome.findings);
    fs::rename(&away, &files.path).unwrap();
    assert_eq!(files.load().findings, []);
}

#[test]
fn a_protection_that_cannot_be_given_is_not_waived_by_an_earlier_version() {
    let mut files = Directory::new("protection");
    let good = [route("a", "/a", &["x"]), backend("x", "1")].concat();
    files.write("a.yaml", &good).load();
    let guarded = good.replacen(
        "  path: /a",
        "  path: /a\n  securityPolicy: { extAuth: { http: { path: / } } }",
        1,
    );
    files.write("a.yaml", &guarded);
    let outcome = files.load();
    assert!(!outcome.findings.is_empty());
    if outcome.has_errors() {
        assert_eq!(served(&outcome), [] as [&str; 0]);
    }
}

#[test]
fn a_server_of_an_mcp_json_is_kept_alone() {
    let mut files = Directory::new("mcp-json");
    let servers =
        |one: &str, two: &str| format!("{{\"mcpServers\": {{\"one\": {one}, \"two\": {two}}}}}");
    let url = |port: u16| format!("{{\"url\": \"http://127.0.0.1:{port}/mcp\"}}");
    files.write("mcp.json", &servers(&url(1), &url(1))).load();
    files.write("mcp.json", &servers("{\"url\": \"nonsense\"}", &url(2)));
    let outcome = files.load();
    assert_eq!(served(&outcome), ["default/mcp.json /mcp: one@127.0.0.1:1 two@127.0.0.1:2"]);
    assert_eq!(outcome.findings[0].place.as_ref().unwrap().resource, "mcp.json server one");
    files.write("mcp.json", "{\"mcpServers\": {");
    assert_eq!(files.load().resolved.routes[0].backends.len(), 2);
    files.write("mcp.json", &format!("{{\"mcpServers\": {{\"two\": {}}}}}", url(3)));
    assert_eq!(served(&files.load()), ["default/mcp.json /mcp: two@127.0.0.1:3"]);
}

#[test]
fn a_secret_keeps_the_last_value_of_its_file() {
    let mut files = Directory::new("value");
    let key = files.path.join("key.txt");
    fs::write(&key, "first\n").unwrap();
    let policy = route("a", "/a", &["x"]).replace(
        "kind: Backend }",
        "kind: Backend, securityPolicy: { apiKey: { secretRef: { name: k }, header: x-key } } }",
    );
    let annotation = format!(
        "{{ name: k, annotations: {{ substitution.aigw.run/file/apiKey: {} }} }}",
        key.display()
    );
    let secret = secret("k", "apiKey", "literal").replace("{ name: k }", &annotation);
    files.write("a.yaml", &[policy, backend("x", "1"), secret].concat());
    let key_of = |outcome: &Outcome| match &outcome.resolved.routes[0].backends[0].credential {
        Credential::ApiKey { value, .. } => value.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(key_of(&files.load()), "first");
    fs::write(&key, "second\n").unwrap();
    assert_eq!(key_of(&files.load()), "second");
    fs::remove_file(&key).unwrap();
    let outcome = files.load();
    assert_eq!(key_of(&outcome), "second");
    assert!(outcome.has_errors());
    fs::write(&key, "third\n").unwrap();
    assert_eq!(key_of(&files.load()), "third");
}
