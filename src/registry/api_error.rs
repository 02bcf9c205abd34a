//! What a registry says when it refuses (OCI distribution spec, "Error Codes").

use serde::Deserialize;
use serde_json::Value;

/// The most that is read of the body of an answer that is an error.
pub(super) const MAX_BODY: u64 = 64 << 10;
/// The most that is shown of it.
const MAX_SHOWN: usize = 500;

/// The codes and messages in the body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ApiError {
    /// The codes, in their order.
    pub(super) codes: Vec<String>,
    /// In one line, what a person can read of it.
    text: String,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<One>,
    /// What some token services say instead (RFC 6749, section 5.2).
    error: Option<Value>,
    error_description: Option<String>,
    details: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: Value,
}

impl ApiError {
    /// Reads what it can; a page for browsers says nothing.
    ///
    /// `redact` takes secrets out, before anything is cut: a part of one would give the rest away.
    pub(super) fn read(body: &[u8], redact: impl Fn(&str) -> String) -> Self {
        let Ok(parsed) = serde_json::from_slice::<Body>(body) else {
            let text = String::from_utf8_lossy(body);
            let text = text.trim();
            let is_page = text.starts_with('<') || text.contains('\0');
            return Self {
                codes: Vec::new(),
                text: if is_page {
                    String::new()
                } else {
                    one_line(&redact(text))
                },
            };
        };
        let mut parts: Vec<String> = parsed.errors.iter().map(One::text).collect();
        parts.extend(parsed.error.as_ref().map(plain));
        parts.extend(
            [parsed.error_description, parsed.details, parsed.message]
                .into_iter()
                .flatten(),
        );
        Self {
            codes: parsed.errors.into_iter().map(|one| one.code).collect(),
            text: one_line(&redact(&parts.join("; "))),
        }
    }

    /// Whether one of the codes is `code`.
    pub(super) fn has(&self, code: &str) -> bool {
        self.codes.iter().any(|own| own == code)
    }

    /// `: CODE: message`, or nothing where the registry says nothing.
    pub(super) fn suffix(&self) -> String {
        if self.text.is_empty() {
            String::new()
        } else {
            format!(": {}", self.text)
        }
    }
}

impl One {
    fn text(&self) -> String {
        let detail = match &self.detail {
            Value::String(detail) if !detail.is_empty() && *detail != self.message => format!(" ({detail})"),
            _ => String::new(),
        };
        match (self.code.is_empty(), self.message.is_empty()) {
            (false, false) => format!("{}: {}{detail}", self.code, self.message),
            (false, true) => format!("{}{detail}", self.code),
            (true, _) => format!("{}{detail}", self.message),
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn one_line(text: &str) -> String {
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_SHOWN) {
        line.truncate(end);
        line.push_str("...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_registries_and_token_services_are_read() {
        let check = |body: &str, expected: &str| {
            assert_eq!(
                ApiError::read(body.as_bytes(), str::to_owned).suffix(),
                expected,
                "{body}"
            );
        };
        check(
            r#"{"errors":[{"code":"DENIED","message":"no","detail":null},{"code":"X","message":"y","detail":{"a":1}}]}"#,
            ": DENIED: no; X: y",
        );
        check(
            r#"{"errors":[{"code":"UNKNOWN","message":"m","detail":"why"}]}"#,
            ": UNKNOWN: m (why)",
        );
        check(
            r#"{"details":"incorrect username or password"}"#,
            ": incorrect username or password",
        );
        check(
            r#"{"error":"invalid_grant","error_description":"d"}"#,
            ": invalid_grant; d",
        );
        check("404 page\nnot found\n", ": 404 page not found");
        check("<html><body>Bad Gateway</body></html>", "");
        check("", "");
        let known = ApiError::read(br#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#, str::to_owned);
        assert!(known.has("NAME_UNKNOWN"));
        let long = format!("{}hunter2-hunter2", "x".repeat(MAX_SHOWN - 4));
        let shown = ApiError::read(long.as_bytes(), |text| text.replace("hunter2-hunter2", "***"));
        assert!(!shown.suffix().contains("hunt"), "{}", shown.suffix());
    }
}
