//! What the tokens say by which somebody assumes a role: "Assume IAM role" in the Amazon EKS User Guide says it of pods,
//! Seqera's page on workload identity of what its Platform signs.

use super::Found;
use super::statement::Statement;

/// What the subject of a pod begins with; namespace and service account follow.
const POD: &str = "system:serviceaccount:";

/// Whom tokens are for that STS takes.
const STS: &[&str] = &["sts.amazonaws.com", "sts.amazonaws.com.cn"];

/// Slips in what a condition asks of a token: nothing would ever fit.
pub(super) fn check(statement: &Statement, found: &mut Found) {
    for condition in &statement.conditions {
        let name = condition.key.rsplit_once(':').filter(|(of, _)| of.contains('.')).map(|(_, name)| name);
        let values = condition.spot.one_or_many();
        for (spot, value) in values.iter().filter_map(|spot| Some((spot, spot.text()?))) {
            match name {
                Some("sub") => {
                    if let Some((message, fix)) = pod(value, condition.key.contains("oidc.eks.")) {
                        found.add("oidc-subject-slip", spot, message, fix);
                    }
                }
                Some("aud") => {
                    if let Some(meant) = STS.iter().find(|sts| !STS.contains(&value) && is_near(value, sts)) {
                        let message = format!("the audience `{value}` is nearly `{meant}`, which tokens for STS have");
                        found.add("oidc-audience-slip", spot, message, format!("`{meant}`"));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Says what is wrong with the subject of a pod, and what was meant. `is_cluster`: nobody but pods has tokens of it.
fn pod(value: &str, is_cluster: bool) -> Option<(String, String)> {
    let literal = value.split(['*', '?']).next().unwrap_or_default();
    let is_wild = literal.len() < value.len();
    let parts: Vec<&str> = value.split(':').collect();
    let head = parts.iter().take(2).copied().collect::<Vec<_>>().join(":") + ":";
    if literal.starts_with(POD) {
        let whole = parts.len() == 4 && parts.iter().all(|part| !part.is_empty());
        let message = format!("`{value}` is no pod: a namespace and a service account follow `{POD}`");
        return (!whole && !is_wild).then(|| (message, format!("`{POD}NAMESPACE:NAME`")));
    }
    if (is_wild && POD.starts_with(literal)) || !(is_cluster || is_near(&head, POD)) {
        return None;
    }
    let meant = match parts.as_slice() {
        [.., namespace, name] if !namespace.is_empty() && !name.is_empty() => format!("`{POD}{namespace}:{name}`"),
        _ => format!("`{POD}NAMESPACE:NAME`"),
    };
    Some((format!("no pod has the subject `{value}`: each begins with `{POD}`"), meant))
}

fn is_near(text: &str, meant: &str) -> bool {
    strsim::damerau_levenshtein(&text.to_lowercase(), meant) <= 2
}

/// Seqera Platform tags and names every session that it takes with its own tokens: a role that does not let it is none
/// that it can take.
pub(super) fn together(statements: &[Statement], found: &mut Found) {
    let allowing = || statements.iter().filter(|statement| statement.allows);
    let is_workload = |value: &String| value.starts_with("org:") && value.contains(":wsp:");
    let of_seqera = allowing().flat_map(|statement| &statement.conditions);
    let of_seqera =
        of_seqera.filter(|condition| condition.key.ends_with(":sub")).find(|it| it.values.iter().any(is_workload));
    let Some(condition) = of_seqera else { return };
    let grants = |action: &str| allowing().any(|statement| statement.actions.iter().any(|it| it.covers(action)));
    let missing: Vec<&str> =
        ["sts:TagSession", "sts:SetSourceIdentity"].into_iter().filter(|action| !grants(action)).collect();
    if !missing.is_empty() {
        let missing = missing.join(" and ");
        let message =
            format!("Seqera Platform tags and names its sessions: without {missing} it cannot assume the role");
        let fix =
            format!("allow {missing}; in a rule of `trust` it is `tag_session: true` and `source_identity: true`");
        found.add("oidc-session-refused", &condition.spot, message, fix);
    }
}
