//! Gathers layers that were planned: found, copied or compressed.

use std::num::NonZeroUsize;

use super::layer_tar::LayerContent;
use super::written::LayerReport;
use crate::archive::compress::Compression;
use crate::error::Result;
use crate::oci::copy::in_parallel;
use crate::oci::layer::{self, Layer, Origin};
use crate::oci::layout::Staging;
use crate::progress::{Progress, Silent, in_units};

/// A layer to be gathered.
#[derive(Debug)]
pub struct ToGather<'l> {
    /// What it is called while the work goes on.
    pub name: String,
    /// How it comes about.
    pub content: &'l LayerContent,
}

/// A layer that was gathered.
#[derive(Debug)]
pub struct Gathered {
    /// The layer.
    pub layer: Layer,
    uncompressed: u64,
    origin: Origin,
    taken_from: Option<String>,
}

impl Gathered {
    /// What is reported of it, where it holds these modules, or something else.
    #[must_use]
    pub fn report(&self, modules: Vec<String>, holds: Option<String>) -> LayerReport {
        LayerReport {
            modules,
            holds,
            digest: self.layer.descriptor.digest.clone(),
            size: self.layer.descriptor.size,
            diff_id: self.layer.diff_id.clone(),
            uncompressed_size: self.uncompressed,
            reused: self.origin != Origin::Compressed,
            taken_from: self.taken_from.clone(),
        }
    }
}

/// Gathers all layers, in their order.
pub fn gather(
    layers: Vec<ToGather<'_>>,
    staging: &Staging,
    compression: Compression,
    threads: NonZeroUsize,
    progress: &dyn Progress,
) -> Result<Vec<Gathered>> {
    // comparing takes one processor for each layer, so all take part
    let compared = in_parallel(threads, layers, progress, |one, progress| {
        let known = match one.content {
            LayerContent::Taken(_) => None,
            LayerContent::Written(written) => {
                let produce = |out: &mut dyn std::io::Write| written.write(progress, &mut Silent, out);
                layer::find(staging, &produce, written.total(), compression)?
            }
        };
        Ok((one, known))
    })?;
    let mut gathered = Vec::new();
    for (one, known) in compared {
        let done = gather_one(&one, known, staging, compression, threads, progress)?;
        progress.done(&summary(&one.name, &done));
        gathered.push(done);
    }
    Ok(gathered)
}

fn gather_one(
    one: &ToGather<'_>,
    known: Option<Layer>,
    staging: &Staging,
    compression: Compression,
    threads: NonZeroUsize,
    progress: &dyn Progress,
) -> Result<Gathered> {
    let uncompressed = one.content.uncompressed();
    Ok(match one.content {
        LayerContent::Taken(taken) => Gathered {
            origin: layer::take(staging, taken.source(), &taken.layer, progress)?,
            layer: taken.layer.clone(),
            uncompressed,
            taken_from: Some(taken.source().location()),
        },
        LayerContent::Written(written) => {
            let produce = |out: &mut dyn std::io::Write| {
                let mut step = progress.step(&one.name, uncompressed);
                written.write(progress, &mut *step, out)
            };
            let (layer, origin) = match known {
                Some(layer) => (layer, Origin::Reused),
                None => layer::write(staging, &produce, uncompressed, compression, threads)?,
            };
            Gathered {
                layer,
                uncompressed,
                origin,
                taken_from: None,
            }
        }
    })
}

fn summary(name: &str, done: &Gathered) -> String {
    let size = done.layer.descriptor.size;
    let what = match done.origin {
        Origin::Compressed => "compressed",
        Origin::Reused => "already there",
        Origin::Copied => "copied as it is",
    };
    format!("{name}: {} -> {}, {what}", in_units(done.uncompressed), in_units(size))
}
