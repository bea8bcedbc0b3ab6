//! No input panics, and none costs much.

use proptest::prelude::*;
use sealgate_config::{Source, load};

use crate::support::{load_text, options};

const SEEDS: [&str; 4] = [
    include_str!("../fixtures/kitchen-sink.yaml"),
    include_str!("../../../../examples/mixed.yaml"),
    include_str!("../../../../examples/api-gateway.yaml"),
    include_str!("../../../../examples/mcp.json"),
];

fn check(text: &str) {
    let outcome = load_text(text);
    for finding in &outcome.findings {
        let _ = (finding.render(false), finding.render(true), finding.to_string());
    }
    let _ = outcome.summary();
}

/// A seed with some bytes replaced, lines dropped, doubled or swapped.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (0usize..10_000, 0u8..5, "[ -~\\n\\té😀{}\\[\\]:&*|>'\"#$-]{0,6}");
    (0usize..SEEDS.len(), prop::collection::vec(edit, 1..8)).prop_map(|(seed, edits)| {
        let mut lines: Vec<String> = SEEDS[seed]
            .replace("VERSION", "v1beta1")
            .replace("#PROTECTED", "")
            .lines()
            .map(str::to_owned)
            .collect();
        for (at, kind, text) in edits {
            let index = at % lines.len();
            match kind {
                0 => {
                    lines.remove(index);
                }
                1 => lines.insert(index, lines[index].clone()),
                2 => lines.swap(index, (at / 7) % SEEDS.len()),
                3 => {
                    let line = &mut lines[index];
                    let mut place = at % (line.len() + 1);
                    while !line.is_char_boundary(place) {
                        place -= 1;
                    }
                    line.insert_str(place, &text);
                }
                _ => {
                    let line = &mut lines[index];
                    if let Some((key, _)) = line.clone().split_once(':') {
                        *line = format!("{key}: {text}");
                    }
                }
            }
            if lines.len() < 8 {
                break;
            }
        }
        lines.join("\n")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_text_is_survived(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn random_yaml_like_text_is_survived(text in "[a-c:{}\\[\\],&*!|>'\"%@`#$\\- \\n\\t]{0,120}") {
        check(&text);
    }

    #[test]
    fn mutated_resources_are_survived(text in mutated()) {
        check(&text);
    }

    #[test]
    fn random_urls_are_survived(url in "(https?://)?[\\PC]{0,60}") {
        let outcome = load(&[Source::Url(url)], &options());
        for finding in &outcome.findings {
            let _ = finding.render(false);
        }
    }
}

#[test]
fn large_inputs_are_bounded() {
    let keys: String = (0..20_000).map(|index| format!("k{index}: v\n")).collect();
    check(&format!("apiVersion: v1\nkind: Nonsense\n{keys}"));
    let references = "    - { name: a, port: 1 }\n".repeat(5_000);
    check(&format!(
        "apiVersion: aigateway.envoyproxy.io/v1beta1\nkind: MCPRoute\nmetadata: {{ name: r }}\n\
         spec:\n  parentRefs: [{{ name: g }}]\n  backendRefs:\n{references}"
    ));
    check(&format!("a: {}", "${A:-".repeat(50_000)));
    check(&"---\nkind: X\n".repeat(20_000));
}
