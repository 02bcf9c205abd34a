//! [`Stack`]: what a module ran on before there were targets.

use serde::{Deserialize, Serialize};

/// An entry of `[[stacks]]` (deprecated), as labels have it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// The stack's id, `*` for any.
    pub id: String,
    /// Packages that must be in the stack's images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mixins: Vec<String>,
}

impl Stack {
    /// What a module that lists no stacks counts as.
    #[must_use]
    pub fn any() -> Self {
        Self {
            id: "*".to_owned(),
            mixins: Vec::new(),
        }
    }
}
