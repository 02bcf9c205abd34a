//! [`BuildUser`]: who builds run as, by the config of a build image (platform spec, build image).

use serde_json::Value;

use crate::error::Finding;
use crate::oci::image::ImageConfig;

/// Variable with the number of the user.
const USER_ID: &str = "CNB_USER_ID";
/// Variable with the number of the group.
const GROUP_ID: &str = "CNB_GROUP_ID";

/// The owner of the folders that builds write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildUser {
    /// The user's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
}

impl BuildUser {
    /// Of a build image; `None` when the findings tell what is wrong. They do not say which image it is.
    #[must_use]
    pub fn of(config: &ImageConfig) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let run = config.config.as_ref().map(|run| &run.other);
        let user = run
            .and_then(|run| run.get("User"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (name, group) = user.split_once(':').unwrap_or((user, ""));
        if matches!(name, "" | "root") || name.parse() == Ok(0_u64) {
            let said = if name.is_empty() {
                "it names none".to_owned()
            } else {
                format!("its User is `{user}`")
            };
            findings.push(
                Finding::error(format!("the user of the build image is root: {said}"))
                    .hint("by the platform spec a build image has a User that is not root"),
            );
        }
        let env: Vec<&str> = run
            .and_then(|run| run.get("Env"))
            .and_then(Value::as_array)
            .map(|env| env.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let (uid, gid) = (
            number(&env, USER_ID, &mut findings),
            number(&env, GROUP_ID, &mut findings),
        );
        if uid == Some(0) {
            findings.push(
                Finding::error(format!("{USER_ID} of the build image is 0, which is root"))
                    .hint("builds do not run as root"),
            );
        }
        for (said, variable, number) in [(name, USER_ID, uid), (group, GROUP_ID, gid)] {
            if let (Ok(said), Some(number)) = (said.parse::<u64>(), number)
                && said != number
            {
                findings.push(Finding::warning(format!(
                    "the User of the build image is `{user}`, but {variable} is {number}"
                )));
            }
        }
        let is_good = !findings
            .iter()
            .any(|finding| finding.severity == crate::error::Severity::Error);
        let both = uid.zip(gid).filter(|_| is_good);
        (both.map(|(uid, gid)| Self { uid, gid }), findings)
    }
}

/// The value of a variable, which must be a number that a header of a tar can have.
fn number(env: &[&str], name: &str, findings: &mut Vec<Finding>) -> Option<u64> {
    let value = env
        .iter()
        .rev()
        .find_map(|line| line.split_once('=').filter(|(own, _)| *own == name))
        .map(|(_, value)| value);
    let Some(value) = value else {
        findings.push(
            Finding::error(format!("the build image has no {name} in its environment"))
                .hint("by the platform spec a build image sets CNB_USER_ID and CNB_GROUP_ID"),
        );
        return None;
    };
    let number = value
        .parse::<u32>()
        .ok()
        .filter(|_| value.bytes().all(|byte| byte.is_ascii_digit()));
    if number.is_none() {
        findings.push(Finding::error(format!(
            "{name} of the build image is `{}`, which is no number",
            value.escape_debug()
        )));
    }
    number.map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users() {
        let check = |user: &str, env: &[&str], expected: Option<(u64, u64)>, faults: usize| {
            let run = serde_json::json!({"User": user, "Env": env});
            let config: ImageConfig = serde_json::from_value(serde_json::json!({"config": run})).unwrap();
            let (found, findings) = BuildUser::of(&config);
            assert_eq!(found.map(|found| (found.uid, found.gid)), expected, "{user} {env:?}");
            assert_eq!(findings.len(), faults, "{user} {env:?}: {findings:?}");
        };
        let env = ["CNB_USER_ID=1001", "CNB_GROUP_ID=1002"];
        check("1001:1002", &env, Some((1001, 1002)), 0);
        check("cnb", &env, Some((1001, 1002)), 0);
        check("1000:1000", &env, Some((1001, 1002)), 2);
        check("1001", &["CNB_USER_ID=1001", "CNB_GROUP_ID=0"], Some((1001, 0)), 0);
        check("", &env, None, 1);
        check("root", &env, None, 1);
        check("0:0", &env, None, 3);
        check("00", &env, None, 2);
        check("1001", &[], None, 2);
        check("1001", &["CNB_USER_ID=x", "CNB_GROUP_ID=+1"], None, 2);
    }
}
