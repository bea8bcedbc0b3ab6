//! A finding in, a compiler-like report out.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Finding, Severity};

/// Renders with or without terminal colours.
pub(super) fn render(finding: &Finding, color: bool) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(finding.message.as_str()).id(finding.code);
    let mut report = Vec::new();
    let label;
    match &finding.place {
        Some(place) => {
            label = place.label();
            let (text, span) = match &place.excerpt {
                Some(excerpt) => (excerpt.text.as_str(), excerpt.span.clone()),
                None => ("", 0..0),
            };
            let annotation = AnnotationKind::Primary.span(span).label(label.as_str());
            let snippet = Snippet::source(text)
                .path(place.file.as_str())
                .line_start(place.line)
                .annotation(annotation);
            report.push(Group::with_title(title).element(snippet));
        }
        None => report.push(Group::with_title(title)),
    }
    if finding.kept {
        report.push(Group::with_title(Level::NOTE.secondary_title(super::KEPT)));
    }
    if let Some(help) = &finding.help {
        report.push(Group::with_title(Level::HELP.secondary_title(help.as_str())));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&report)
}
