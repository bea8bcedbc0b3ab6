use std::path::Path;

use super::files;

/// Writes the files anew with `SEALGATE_WRITE=1`.
#[test]
fn the_files_in_deploy_are_those_that_the_types_give() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/crds");
    let write = std::env::var_os("SEALGATE_WRITE").is_some();
    for (name, text) in files() {
        let path = folder.join(name);
        if write {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let held = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            held == text,
            "{} is stale: SEALGATE_WRITE=1 cargo test -p sealgate-kube",
            path.display()
        );
    }
}

#[test]
fn the_stored_version_comes_first_and_the_other_says_that_it_is_old() {
    let (_, text) = files().swap_remove(0);
    assert!(text.contains("aigateway.envoyproxy.io/v1alpha1 is deprecated; use aigateway.envoyproxy.io/v1beta1 instead"));
}
