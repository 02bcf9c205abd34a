//! [`FieldChange`]: what differs between two JSON values, each with the way to it.

use serde::Serialize;
use serde_json::Value;

/// A value that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The names on the way to it; a number is a place in a list, from 1.
    pub path: Vec<String>,
    /// What it was; nothing where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it is; nothing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// All values that differ, in the order of their names. What only one has is told as a whole.
#[must_use]
pub fn compare(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk(Some(before), Some(after), &mut Vec::new(), &mut changes);
    changes
}

fn walk(before: Option<&Value>, after: Option<&Value>, path: &mut Vec<String>, changes: &mut Vec<FieldChange>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                path.push(name.clone());
                walk(a.get(name), b.get(name), path, changes);
                path.pop();
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            // what begins and ends alike is no matter: one more item in the middle does not change those behind it
            let start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            let (a_rest, b_rest) = (&a[start..], &b[start..]);
            let end = a_rest
                .iter()
                .rev()
                .zip(b_rest.iter().rev())
                .take_while(|(a, b)| a == b)
                .count();
            let (a_rest, b_rest) = (&a_rest[..a_rest.len() - end], &b_rest[..b_rest.len() - end]);
            for at in 0..a_rest.len().max(b_rest.len()) {
                path.push((start + at + 1).to_string());
                walk(a_rest.get(at), b_rest.get(at), path, changes);
                path.pop();
            }
        }
        _ => changes.push(FieldChange {
            path: path.clone(),
            before: before.cloned(),
            after: after.cloned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_change_has_its_way() {
        let changes = compare(
            &json!({"a": {"b": 1, "c": [1, 2, 3]}, "d": 1, "e": "x"}),
            &json!({"a": {"b": 2, "c": [1, 9, 2, 3]}, "e": "x", "f": null}),
        );
        let texts: Vec<String> = changes
            .iter()
            .map(|change| format!("{} {:?} {:?}", change.path.join("."), change.before, change.after))
            .collect();
        assert_eq!(
            texts,
            [
                "a.b Some(Number(1)) Some(Number(2))",
                "a.c.2 None Some(Number(9))",
                "d Some(Number(1)) None",
                "f None Some(Null)",
            ]
        );
    }
}
