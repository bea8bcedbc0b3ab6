//! Files and directories as sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealgate_config::resolved::Credential;
use sealgate_config::{Outcome, Severity, Source, load};

use crate::support::{backend, messages, only_backend, options, route};

/// A directory of this test's own that goes away with it.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealgate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load_path(path: &Path) -> Outcome {
    load(&[Source::Path(path.to_owned())], &options())
}

#[test]
fn a_directory_is_searched_in_order() {
    let directory = Directory::new("search");
    directory.write("a/route.yaml", &route("", ""));
    directory.write("b/backend.yml", &backend("x.example", 80));
    directory.write(
        "b/more/list.json",
        r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}"#,
    );
    directory.write("notes.txt", "kind: [");
    directory.write(".hidden/route.yaml", &route("", ""));
    let outcome = load_path(&directory.0);
    assert_eq!(outcome.findings, []);
    only_backend(&outcome);
    assert!(outcome.resolved.watched.contains(&directory.0));
    assert!(outcome.resolved.watched.contains(&directory.0.join("b/more")));
}

#[test]
fn what_cannot_be_read_is_said() {
    let directory = Directory::new("unreadable");
    let outcome = load_path(&directory.0.join("absent.yaml"));
    assert!(outcome.findings[0].message.starts_with("cannot read "));
    assert!(outcome.has_errors());
    fs::write(directory.0.join("latin.yaml"), [b'a', b':', 0xe9]).unwrap();
    assert!(load_path(&directory.0).findings[0].message.ends_with("not UTF-8 text"));
    let empty = Directory::new("empty");
    let outcome = load_path(&empty.0);
    assert!(messages(&outcome, Severity::Warning)[0].contains("holds no .yaml"));
}

#[test]
fn secrets_take_values_from_the_environment_and_from_files() {
    let directory = Directory::new("substitution");
    directory.write("key.txt", "from-file\n");
    let fields = "      securityPolicy: { apiKey: { secretRef: { name: s } } }";
    for (annotation, expected) in [
        ("env/apiKey: TOKEN", "Bearer t0ken-from-environment"),
        ("file/apiKey: ~/key.txt", "Bearer from-file"),
        ("env/apiKey: ABSENT", "Bearer literal"),
    ] {
        let text = format!(
            "{}{}---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    \
             substitution.aigw.run/{annotation}\nstringData: {{ apiKey: literal }}\n",
            route(fields, ""),
            backend("x.example", 80)
        );
        let path = directory.write("route.yaml", &text);
        let mut options = options();
        let home = directory.0.display().to_string();
        let environment = Arc::clone(&options.environment);
        options.environment =
            Arc::new(
                move |name| if name == "HOME" { Some(home.clone()) } else { environment(name) },
            );
        let outcome = load(&[Source::Path(path)], &options);
        let Credential::ApiKey { value, .. } = &only_backend(&outcome).credential else { panic!() };
        assert_eq!(value.expose(), expected);
        assert_eq!(outcome.findings.len(), usize::from(annotation.contains("ABSENT")));
        assert_eq!(
            outcome.resolved.watched.contains(&directory.0.join("key.txt")),
            annotation.contains("key.txt")
        );
    }
}

#[test]
fn the_same_resource_twice_is_an_error_and_the_first_stays() {
    let directory = Directory::new("twice");
    directory.write("a.yaml", &(route("", "") + &backend("first.example", 80)));
    directory.write("b.yaml", &backend("second.example", 80));
    let outcome = load_path(&directory.0);
    assert_eq!(only_backend(&outcome).authority, "first.example");
    let finding = &outcome.findings[0];
    assert_eq!(finding.message, "Backend default/b is defined twice; this one is left out");
    assert!(finding.help.as_ref().unwrap().contains("a.yaml:"));
}

#[test]
fn strict_turns_warnings_into_errors() {
    let mut options = options();
    let text = route("", "  retries: 3") + &backend("x.example", 80);
    let source = Source::text("test.yaml", text);
    assert!(!load(std::slice::from_ref(&source), &options).has_errors());
    options.strict = true;
    assert!(load(&[source], &options).has_errors());
}
