use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::HeaderValue;

use super::*;

/// `{"a":1}` in brotli: one stored metablock.
const BROTLI: &[u8] = &[0x0b, 0x03, 0x80, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d, 0x03];

fn coding(name: &'static str) -> Coding {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    Coding::of(&headers).unwrap()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// The body, and the largest step in which it came.
fn decode(mut coding: Coding, chunks: &[&[u8]]) -> Result<(Vec<u8>, usize), String> {
    let (mut all, mut largest) = (Vec::new(), 0);
    for chunk in chunks {
        coding.push(Bytes::copy_from_slice(chunk));
        while let Some(data) = coding.next()? {
            largest = largest.max(data.len());
            all.extend_from_slice(&data);
        }
    }
    all.extend_from_slice(&coding.finish()?.unwrap_or_default());
    Ok((all, largest))
}

#[test]
fn gzip_comes_out_in_any_chunking() {
    let data: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let coded = gzip(&data);
    assert_eq!(decode(coding("gzip"), &[&coded]).unwrap().0, data);
    let bytes: Vec<_> = coded.chunks(7).collect();
    assert_eq!(decode(coding("X-GZIP"), &bytes).unwrap().0, data);
}

#[test]
fn what_was_flushed_comes_out_at_once() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"data: 1\n\n").unwrap();
    encoder.flush().unwrap();
    let mut coding = coding("gzip");
    coding.push(Bytes::copy_from_slice(encoder.get_ref()));
    assert_eq!(coding.next().unwrap().unwrap(), "data: 1\n\n");
    assert_eq!(coding.next().unwrap(), None);
}

#[test]
fn brotli_comes_out_in_any_chunking() {
    assert_eq!(decode(coding("br"), &[BROTLI]).unwrap().0, b"{\"a\":1}");
    let bytes: Vec<_> = BROTLI.chunks(1).collect();
    assert_eq!(decode(coding("br"), &bytes).unwrap().0, b"{\"a\":1}");
}

#[test]
fn what_breaks_off_or_is_none_is_an_error() {
    let coded = gzip(b"{\"a\":1}");
    assert!(decode(coding("gzip"), &[&coded[..coded.len() - 3]]).is_err());
    assert!(decode(coding("gzip"), &[b"{\"a\":1}"]).is_err());
    assert!(decode(coding("br"), &[&BROTLI[..6]]).is_err());
    assert!(decode(coding("br"), &[&[0xff; 40]]).is_err());
}

#[test]
fn a_bomb_is_bounded_in_each_step_and_as_a_whole() {
    let bomb = gzip(&vec![0; 80 * 1024 * 1024]);
    let mut coding = coding("gzip");
    coding.push(bomb.into());
    let (mut all, mut largest) = (0, 0);
    let error = loop {
        match coding.next() {
            Ok(Some(data)) => (all, largest) = (all + data.len(), largest.max(data.len())),
            Ok(None) => panic!("the bomb went off"),
            Err(error) => break error,
        }
    };
    assert!(error.contains("100 times"), "{error}");
    assert!(largest <= 1024 * 1024, "a step of {largest} bytes");
    assert!(all <= 65 * 1024 * 1024, "{all} bytes");
}

#[test]
fn other_codings_are_left_alone() {
    let mut headers = HeaderMap::new();
    assert!(Coding::of(&headers).is_none());
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
    assert!(Coding::of(&headers).is_none());
}
