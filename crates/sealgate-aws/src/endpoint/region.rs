//! Enters a label of a host name, leaves whether it is the name of an AWS region.

use super::Partition;

/// Whether `label` has the shape of a region name: `us-east-1`, `us-gov-west-1`,
/// `eusc-de-east-1`. The shape rather than a list, so that new regions need no release.
pub fn is_region(label: &str) -> bool {
    let mut parts = label.split('-');
    let Some(area) = parts.next() else { return false };
    let Some(number) = parts.next_back() else { return false };
    let mut middle = 0;
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    for part in parts {
        if !letters(part) {
            return false;
        }
        middle += 1;
    }
    (1..=2).contains(&middle)
        && (2..=4).contains(&area.len())
        && letters(area)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The commercial suffixes serve GovCloud too; there the region decides.
pub(super) fn partition(suffix: Partition, region: Option<&str>) -> Partition {
    match (suffix, region) {
        (Partition::Aws, Some(region)) if region.starts_with("us-gov-") => Partition::GovCloud,
        _ => suffix,
    }
}
