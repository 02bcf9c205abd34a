//! An answer of the registry.

use serde_json::json;

use crate::support::http::Headers;

/// An answer of the registry, before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Without a body.
    pub(crate) fn new(status: u16) -> Self {
        Self {
            status,
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// With the body that the specification has for errors.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let errors = json!({ "errors": [{ "code": code, "message": message, "detail": {} }] });
        Self::new(status)
            .header("Content-Type", "application/json")
            .body(errors.to_string())
    }

    /// With this header besides, or instead of the one with this name.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With this body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first line and the headers. `length` is what is said of the body.
    pub(super) fn head(&self, length: Option<usize>) -> String {
        let mut text = format!("HTTP/1.1 {} Test\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length
            && self.status != 204
        {
            text += &format!("Content-Length: {length}\r\n");
        }
        text + "\r\n"
    }
}
