//! Offline packaging of Cloud Native Buildpacks for several platforms at once.
//!
//! The modules in reading order, each using only those before it where the arrow in `ARCHITECTURE.md` allows:
//!
//! * [`error`]: what can go wrong, and what was found in a user's data; [`progress`]: what long work reports;
//!   [`go_names`]: names of operating systems and architectures.
//! * [`archive`]: files to the same bytes every time: trees, tar, zip, compression.
//! * [`oci`]: images at rest and in motion: descriptors, manifests, layouts, archives, the copy from one store to another.
//! * [`registry`]: the distribution protocol, as a client and as a server; the only code with a network.
//! * [`cnb`]: buildpacks on paper: the TOML files, labels and rules, pure.
//! * [`cnb_image`]: where the two meet: a module's files as a target sees them, its layer, the plan of a package.
//! * [`operations`]: what the tool does, a request in and a report out.
//!
//! # Files of a layout
//!
//! An OCI image layout (OCI image spec 1.1, `image-layout.md`) is a folder with
//!
//! * `oci-layout`: `{"imageLayoutVersion":"1.0.0"}`
//! * `index.json`: an image index whose entries are what the layout has to offer. airpack enters an image index with two
//!   annotations: `org.opencontainers.image.ref.name`, the tag, and `io.containerd.image.name`, the full name.
//! * `blobs/<algorithm>/<hex>`: everything else, each file named by its digest.

pub mod archive;
pub mod cnb;
pub mod cnb_image;
pub mod error;
pub mod go_names;
pub mod oci;
pub mod operations;
pub mod progress;
pub mod registry;
