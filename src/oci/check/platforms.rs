//! What images are said to be for: by the index, by their configs, and by nobody.

use std::collections::{HashMap, HashSet};

use super::super::descriptor::{Descriptor, media_type};
use super::super::digest::Digest;
use super::super::image::ImageConfig;
use super::super::platform::Platform;
use super::fault::{Code, Fault, Faults};

/// Each image of an index needs a platform that no other has.
pub(super) fn check_children(
    children: &[(Descriptor, Vec<String>)],
    index: &Digest,
    chain: &[String],
    faults: &mut Faults,
) {
    let mut platforms: HashMap<&Platform, &Digest> = HashMap::new();
    let mut digests: HashSet<&Digest> = HashSet::new();
    for (child, own_chain) in children {
        if !media_type::is_manifest(&child.media_type) {
            continue;
        }
        let digest = &child.digest;
        if !digests.insert(digest) {
            let message = format!("image index {index} lists {digest} more than once");
            faults.push(Fault::warning(Code::PlatformDuplicate, message).about(digest).at(chain));
            continue;
        }
        match &child.platform {
            None => {
                let message = format!("image index {index} does not say what {digest} is for");
                faults.push(
                    Fault::warning(Code::PlatformMissing, message)
                        .about(digest)
                        .at(own_chain),
                );
            }
            // what is about an image, as attestations are
            Some(platform) if platform.os == "unknown" => {}
            Some(platform) => {
                if let Some(first) = platforms.insert(platform, digest) {
                    let message = format!("image index {index} has two images for {platform}: {first} and {digest}");
                    faults.push(
                        Fault::warning(Code::PlatformDuplicate, message)
                            .about(digest)
                            .at(chain)
                            .hint("most tools take the first"),
                    );
                }
            }
        }
    }
}

/// A config must say what it is for (OCI image config), and the same as the index.
pub(super) fn check_config(
    descriptor: &Descriptor,
    config: &ImageConfig,
    digest: &Digest,
    chain: &[String],
    faults: &mut Faults,
) {
    let own = config.platform();
    let said = descriptor.platform.as_ref();
    if said.is_some_and(|platform| platform.os == "unknown") {
        return;
    }
    for (field, value) in [("os", &own.os), ("architecture", &own.architecture)] {
        if value.is_empty() {
            let message = format!("config {digest} has no `{field}`, which it must have");
            faults.push(Fault::error(Code::PlatformMissing, message).about(digest).at(chain));
        }
    }
    let Some(said) = said else { return };
    // what the config does not say, the index may
    let differs = |said: Option<&str>, own: Option<&str>| match (said, own) {
        (Some(said), Some(own)) => !said.is_empty() && !own.is_empty() && said != own,
        _ => false,
    };
    let is_other = differs(Some(&said.os), Some(&own.os))
        || differs(Some(&said.architecture), Some(&own.architecture))
        || differs(said.variant.as_deref(), own.variant.as_deref())
        || differs(said.os_version.as_deref(), own.os_version.as_deref());
    if is_other {
        let message = format!("the index says that the image is for {said}, its config {digest} for {own}");
        faults.push(Fault::error(Code::Platform, message).about(digest).at(chain));
    }
}
