//! Buildpacks on paper: the TOML files, the labels, the rules. Pure: no files, no images, no network.

pub mod airpack_config;
pub mod api;
pub mod build_env;
pub mod builder_config;
pub mod builder_files;
pub mod builder_labels;
pub mod compat;
pub mod document;
pub mod file_kind;
pub mod id;
pub mod labels;
pub mod lifecycle;
pub mod locator;
pub mod migrate;
pub mod module;
pub mod order;
pub mod order_edit;
pub mod os_release;
pub mod package_config;
pub mod paths;
pub mod scaffold;
pub mod stack;
pub mod target;
pub mod target_edit;
pub mod target_toml;
