//! Images at rest: descriptors, manifests, indexes, and the layout on disk that holds them.
//!
//! Knows nothing of buildpacks.

pub mod descriptor;
pub mod digest;
pub mod image;
pub mod index;
pub mod json;
pub mod layer;
pub mod layout;
pub mod locate;
pub mod platform;
pub mod reference;
pub mod store;
