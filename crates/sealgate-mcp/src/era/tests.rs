use super::*;

const PLAIN: Signs<'_> = Signs {
    method: Method::ToolsCall,
    body_version: None,
    header_version: None,
    has_session: false,
};

#[test]
fn the_body_decides_before_the_header() {
    let modern = Signs { body_version: Some("2026-07-28"), has_session: true, ..PLAIN };
    assert_eq!(Opening::read(&modern), Opening::Modern);
    let odd = Signs { body_version: Some("v999.0.0"), header_version: Some("2025-11-25"), ..PLAIN };
    assert_eq!(Opening::read(&odd), Opening::Modern);
    let initialize =
        Signs { method: Method::Initialize, body_version: Some("2026-07-28"), ..PLAIN };
    assert_eq!(Opening::read(&initialize), Opening::Modern);
}

#[test]
fn a_modern_header_alone_is_modern() {
    let header = Signs { header_version: Some("2026-07-28"), ..PLAIN };
    assert_eq!(Opening::read(&header), Opening::Modern);
}

#[test]
fn legacy_requests_open_join_or_lack_a_session() {
    let header_version = Some("2025-06-18");
    let initialize = Signs { method: Method::Initialize, ..PLAIN };
    assert_eq!(Opening::read(&initialize), Opening::Handshake);
    let joined = Signs { header_version, has_session: true, ..PLAIN };
    assert_eq!(Opening::read(&joined), Opening::Session);
    assert_eq!(Opening::read(&Signs { header_version, ..PLAIN }), Opening::Sessionless);
}

#[test]
fn an_era_reads_back_from_its_number() {
    for version in Version::ALL {
        let era = Era::from(version);
        assert_eq!(Era::from_number(era.number()), Some(era));
        assert_eq!(era.version(), version);
    }
}
