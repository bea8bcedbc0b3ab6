use std::fs;
use std::os::unix::fs::symlink;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealgate-i-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_is_seen_by_its_name_and_its_neighbours_are_not() {
    let folder = Folder::new("file");
    let file = folder.0.join("a.yaml");
    fs::write(&file, "").unwrap();
    let interest = Interest::of(std::slice::from_ref(&file));
    assert!(interest.concerns(&file));
    assert!(!interest.concerns(&folder.0.join("b.yaml")));
    assert_eq!(interest.directories().collect::<Vec<_>>(), [folder.0.as_path()]);
}

#[test]
fn a_directory_is_seen_with_whatever_may_be_a_source_in_it() {
    let folder = Folder::new("directory");
    let interest = Interest::of(std::slice::from_ref(&folder.0));
    for name in ["new.yaml", "new.yml", "new.json", "folder", "..data"] {
        assert!(interest.concerns(&folder.0.join(name)), "{name}");
    }
    for name in ["access.log", ".a.yaml.swp", "notes.txt"] {
        assert!(!interest.concerns(&folder.0.join(name)), "{name}");
    }
    // Its own removal and return.
    assert!(interest.concerns(&folder.0));
}

#[test]
fn every_link_on_the_way_is_seen() {
    let folder = Folder::new("links");
    fs::create_dir_all(folder.0.join("..v1")).unwrap();
    fs::write(folder.0.join("..v1/a.yaml"), "").unwrap();
    symlink("..v1", folder.0.join("..data")).unwrap();
    symlink("..data/a.yaml", folder.0.join("a.yaml")).unwrap();
    let interest = Interest::of(&[folder.0.join("a.yaml")]);
    for name in ["a.yaml", "..data", "..v1/a.yaml"] {
        assert!(interest.concerns(&folder.0.join(name)), "{name}");
    }
    assert!(!interest.concerns(&folder.0.join("b.yaml")));
}

#[test]
fn what_is_not_there_is_waited_for_where_it_would_appear() {
    let folder = Folder::new("absent");
    let interest = Interest::of(&[folder.0.join("later/a.yaml")]);
    assert!(interest.concerns(&folder.0.join("later")));
    assert_eq!(interest.directories().collect::<Vec<_>>(), [folder.0.as_path()]);
}

#[test]
fn links_in_a_circle_have_an_end() {
    let folder = Folder::new("circle");
    symlink("b", folder.0.join("a")).unwrap();
    symlink("a", folder.0.join("b")).unwrap();
    let interest = Interest::of(&[folder.0.join("a")]);
    assert!(interest.concerns(&folder.0.join("a")) && interest.concerns(&folder.0.join("b")));
}
