use std::sync::Arc;

use super::SourceText;

fn text(text: &str) -> SourceText {
    SourceText::new("x.yaml".to_owned(), Arc::new(text.to_owned().into()))
}

#[test]
fn positions_count_lines_and_characters_from_one() {
    let text = text("a: é!\nb: 1\n");
    assert_eq!(text.position(0), (1, 1));
    assert_eq!(text.position(5), (1, 5));
    assert_eq!(text.position(7), (2, 1));
    assert_eq!(text.position(9999), (3, 1));
}

#[test]
fn an_excerpt_hides_masked_bytes_and_keeps_the_span() {
    let text = text("inline: sécret # c\n");
    text.mask(8..15);
    let excerpt = text.excerpt(&(8..15));
    assert_eq!(excerpt.text, "inline: ******* # c");
    assert_eq!(&excerpt.text[excerpt.span], "*******");
}

#[test]
fn a_span_over_several_lines_ends_with_its_first() {
    let excerpt = text("a:\n  b: 1\n  c: 2\n").excerpt(&(5..17));
    assert_eq!((excerpt.text.as_str(), excerpt.span), ("  b: 1", 2..6));
}

#[test]
fn a_very_long_line_is_cut_on_both_sides() {
    let long = "x".repeat(100_000);
    assert!(text(&long).excerpt(&(50_000..90_000)).text.len() <= 400);
}

#[test]
fn a_line_that_could_not_be_understood_shows_its_key_only() {
    let text = text("a: 1\n  token: [sk-123\nb: 2\n");
    text.mask_values_around(9);
    assert_eq!(text.excerpt(&(7..12)).text, "  token: *******");
}
