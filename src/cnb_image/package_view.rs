//! [`PackageView`]: a package over all its platforms, as its users think of it: the order, and where each module is.

use serde::Serialize;

use super::view::BuildpackageView;
use crate::cnb::labels::ModuleLayer;
use crate::cnb::order::Order;
use crate::oci::digest::Digest;
use crate::oci::platform::Platform;

/// A package, told from the labels of its images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageView {
    /// The main module, as `id@version`.
    pub module: String,
    /// The orders, each with the platforms whose images have it; one, unless something is left out somewhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderView>,
    /// All modules, by id and version.
    pub modules: Vec<ModuleView>,
}

/// An order, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderView {
    /// The platforms.
    pub platforms: Vec<Platform>,
    /// The groups.
    pub order: Order,
    /// What the labels of these images say of all modules, as far as orders go.
    #[serde(skip)]
    pub labels: BuildpackageView,
}

/// A module of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleView {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What a label says of it; its layer is that of the first image.
    #[serde(flatten)]
    pub label: ModuleLayer,
    /// Its layer in each image that has it.
    pub layers: Vec<ModuleLayerView>,
}

/// Where a module is in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleLayerView {
    /// What the image is for.
    pub platform: Platform,
    /// The layer's blob.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Whether other modules are in it too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_shared: bool,
}

/// An image of a package.
#[derive(Debug, Clone)]
pub struct ImageOfPackage<'i> {
    /// What it is for.
    pub platform: Platform,
    /// What its labels say.
    pub labels: &'i BuildpackageView,
    /// Its layers: digest before compression, blob, length.
    pub layers: Vec<(String, Digest, u64)>,
}

impl PackageView {
    /// Of all images of a package; `None` where there are none, or they package different modules.
    #[must_use]
    pub fn of(images: &[ImageOfPackage<'_>]) -> Option<Self> {
        let module = images.first()?.labels.full_name();
        if images.iter().any(|image| image.labels.full_name() != module) {
            return None;
        }
        let mut view = Self {
            module,
            orders: Vec::new(),
            modules: Vec::new(),
        };
        for image in images {
            view.add_order(image);
            view.add_modules(image);
        }
        view.modules
            .sort_by(|a, b| (&a.id, &a.version).cmp(&(&b.id, &b.version)));
        Some(view)
    }

    fn add_order(&mut self, image: &ImageOfPackage<'_>) {
        let Some(order) = image
            .labels
            .main()
            .map(|main| &main.order)
            .filter(|order| !order.is_empty())
        else {
            return;
        };
        // composites in it may have other orders, too
        let is_same = |known: &OrderView| orders_of(&known.labels).eq(orders_of(image.labels));
        match self.orders.iter_mut().find(|known| is_same(known)) {
            Some(known) => known.platforms.push(image.platform.clone()),
            None => self.orders.push(OrderView {
                platforms: vec![image.platform.clone()],
                order: order.clone(),
                labels: image.labels.clone(),
            }),
        }
    }

    fn add_modules(&mut self, image: &ImageOfPackage<'_>) {
        for (id, version, label) in image.labels.all() {
            let known = self
                .modules
                .iter()
                .position(|known| known.id == id && known.version == version);
            let at = known.unwrap_or_else(|| {
                self.modules.push(ModuleView {
                    id: id.to_owned(),
                    version: version.to_owned(),
                    label: label.clone(),
                    layers: Vec::new(),
                });
                self.modules.len() - 1
            });
            let found = image
                .layers
                .iter()
                .find(|(diff_id, ..)| *diff_id == label.layer_diff_id);
            self.modules[at]
                .layers
                .extend(found.map(|(diff_id, digest, size)| ModuleLayerView {
                    platform: image.platform.clone(),
                    digest: digest.clone(),
                    size: *size,
                    is_shared: image.labels.modules_in(diff_id).len() > 1,
                }));
        }
    }
}

/// The orders of all composites.
fn orders_of(labels: &BuildpackageView) -> impl Iterator<Item = (&str, &str, &Order)> {
    let all = labels.all().map(|(id, version, label)| (id, version, &label.order));
    all.filter(|(_, _, order)| !order.is_empty())
}
