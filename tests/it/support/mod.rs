//! What the tests share: a folder to work in, the tool to run there, and readers and makers of its input and output.

pub(crate) mod big_tree;
pub(crate) mod builder;
pub(crate) mod buildpackage_maker;
pub(crate) mod cnb_file;
pub(crate) mod composed;
pub(crate) mod composite;
pub(crate) mod composites;
pub(crate) mod fault_registry;
pub(crate) mod front;
pub(crate) mod http;
pub(crate) mod images;
pub(crate) mod kill;
pub(crate) mod layout_maker;
pub(crate) mod layout_view;
pub(crate) mod pack_image;
pub(crate) mod packaged;
pub(crate) mod plain_registry;
pub(crate) mod refused;
pub(crate) mod registry;
pub(crate) mod request_log;
mod sandbox;
pub(crate) mod skopeo;
pub(crate) mod snapshot;
pub(crate) mod tar_maker;
pub(crate) mod test_layout;
pub(crate) mod test_tree;
pub(crate) mod tools;
pub(crate) mod tree;

pub(crate) use sandbox::{Run, Sandbox, copy_airpack, set_mode, simple_buildpack, with_file_size_limit};
