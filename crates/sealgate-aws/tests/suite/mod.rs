//! Enters a vector file, leaves a request to sign.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sealgate_aws::SignRequest;
use sealgate_aws::sign::Payload;

/// A request in the format of the suites: request line, headers, empty line, body.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap().replace("\r\n", "\n");
        let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let first = lines.next().unwrap();
        let (method, rest) = first.split_once(' ').unwrap();
        let (target, _) = rest.rsplit_once(' ').unwrap();
        let mut pairs: Vec<(String, String)> = Vec::new();
        for line in lines {
            if line.starts_with([' ', '\t']) {
                // A folded line goes on where the one before ended.
                let (_, value) = pairs.last_mut().unwrap();
                value.push(' ');
                value.push_str(line.trim());
            } else {
                let (name, value) = line.split_once(':').unwrap();
                pairs.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
        let mut request = Self {
            method: method.parse().unwrap(),
            target: target.to_owned(),
            host: String::new(),
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
        };
        for (name, value) in pairs {
            if name == "host" {
                request.host = value.trim().to_owned();
            } else {
                let name: HeaderName = name.parse().unwrap();
                request.headers.append(name, HeaderValue::from_str(&value).unwrap());
            }
        }
        request
    }

    pub(crate) fn to_sign(&self) -> SignRequest<'_> {
        SignRequest {
            method: &self.method,
            host: &self.host,
            path_and_query: &self.target,
            body: Payload::Bytes(&self.body),
        }
    }
}

/// The instant of `20150830T123600Z`.
pub(crate) fn instant(text: &str) -> SystemTime {
    let number = |range| text.get::<std::ops::Range<usize>>(range).unwrap().parse::<u64>().unwrap();
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let leap = |year: u64| {
        (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
    };
    let mut days: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += lengths.iter().take(month as usize - 1).sum::<u64>() + day - 1;
    let seconds = number(9..11) * 3600 + number(11..13) * 60 + number(13..15);
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400 + seconds)
}

/// One part of an authorization header.
pub(crate) fn authorization_part(headers: &HeaderMap, name: &str) -> String {
    let text = headers["authorization"].to_str().unwrap();
    let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
    rest.split(',').next().unwrap().to_owned()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])).collect()
}

/// All files below `folder` with this extension.
pub(crate) fn find(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}
