use std::rc::Rc;
use std::sync::Arc;

use super::check;
use crate::report::Report;
use crate::text::SourceText;

fn run(text: &str, signed: bool) -> Result<String, String> {
    let report = Rc::new(Report::default());
    let at =
        report.open(Rc::new(SourceText::new("x".into(), Arc::new(text.to_owned().into()))), false);
    check(text, &at, signed).ok_or_else(|| {
        report.finish(false).first().map(|f| f.finding.message.clone()).unwrap_or_default()
    })
}

#[test]
fn a_good_path_is_kept_byte_for_byte() {
    let arn = "/runtimes/arn%3Aaws%3Ax%2Fy/invocations?qualifier=DEFAULT";
    for path in ["/mcp", "/", arn, "/a:b@c;d/"] {
        assert_eq!(run(path, true).unwrap(), path);
    }
    assert_eq!(run("", false).unwrap(), "/");
    assert_eq!(run("?a=1", false).unwrap(), "/?a=1");
}

#[test]
fn the_query_of_a_signed_backend_gets_its_one_canonical_form() {
    assert_eq!(run("/x?b=a:b/c&a=%3A&flag&e=", true).unwrap(), "/x?a=%3A&b=a%3Ab%2Fc&e=&flag=");
    assert_eq!(run("/x?b=a:b/c", false).unwrap(), "/x?b=a:b/c");
}

#[test]
fn what_signing_would_change_is_refused() {
    let bad = [
        "/a//b",
        "/a/../b",
        "/a/./b",
        "/a/%2e%2E/b",
        "/a%2",
        "/a%zz",
        "/x?a=b+c",
        "/x?a=%",
        "x",
        "/é",
        "/a b",
        "/a#b",
    ];
    for path in bad {
        assert!(run(path, true).unwrap_err().contains("Invalid value"), "{path}");
    }
    assert!(run("/a//b/../c?a=b+c", false).is_ok());
}
