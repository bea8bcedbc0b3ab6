//! Enters a description, leaves the region whose STS is asked.

use aws_config::Region;
use aws_config::environment::region::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;

use super::{IdentitySpec, Source, chain};

/// Configured, told by the source itself, of the environment, of the profile, `us-east-1`: in this
/// order. Instance metadata is left out: nobody should wait for it where there is none.
pub(super) async fn region(spec: &IdentitySpec, told: Option<String>) -> Option<Region> {
    let mut profile = ProfileFileRegionProvider::builder().profile_files(chain::files(spec));
    if let Source::Profile(name) = &spec.source {
        profile = profile.profile_name(name);
    }
    // A region set (SigV4a) says where signatures hold, not where an STS is.
    let named = |region: &String| !region.contains(['*', ',']);
    let configured = spec.sts_region.clone().filter(named).or(told.filter(named));
    RegionProviderChain::first_try(configured.map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(Region::new("us-east-1"))
        .region()
        .await
}
