//! Buildpacks on paper: the TOML files, the labels, the rules. Pure: no files, no images, no network.

pub mod airpack_config;
pub mod api;
pub mod document;
pub mod id;
pub mod labels;
pub mod locator;
pub mod module;
pub mod order;
pub mod order_edit;
pub mod package_config;
pub mod paths;
pub mod stack;
pub mod target;
