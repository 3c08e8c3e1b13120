//! Actions that a reviewer asks about: those that change who may do what, and those that answer with
//! credentials.

use super::super::reference::{Action, Level, Service};
use super::escalation::is_denied;
use super::statement::{Entry, Statement};
use super::{Found, listed};

/// Actions whose answer, or whose effect, is a way to sign in.
const CREDENTIALS: &[&str] = &[
    "chime:CreateApiKey",
    "codepipeline:PollForJobs",
    "cognito-identity:GetCredentialsForIdentity",
    "cognito-identity:GetOpenIdToken",
    "cognito-identity:GetOpenIdTokenForDeveloperIdentity",
    "connect:GetFederationToken",
    "ecr:GetAuthorizationToken",
    "ecr-public:GetAuthorizationToken",
    "gamelift:RequestUploadCredentials",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "iam:ResetServiceSpecificCredential",
    "iam:UpdateAccessKey",
    "iam:UpdateLoginProfile",
    "lightsail:DownloadDefaultKeyPair",
    "lightsail:GetInstanceAccessDetails",
    "lightsail:GetRelationalDatabaseMasterUserPassword",
    "rds-db:connect",
    "redshift:GetClusterCredentials",
    "redshift:GetClusterCredentialsWithIAM",
    "sso:GetRoleCredentials",
    "sts:GetFederationToken",
    "sts:GetSessionToken",
];

/// Actions that AWS files under Write and that give somebody access: the first makes database users, the
/// second opens resources to other accounts.
const ALSO_PERMISSIONS: &[&str] = &["redshift:GetClusterCredentials", "ram:CreateResourceShare"];

/// What changes who may use a bucket.
const BUCKET_POLICY: &[&str] = &["s3:PutBucketPolicy", "s3:PutBucketAcl"];

/// What a bucket is for: who may do all of it has nothing to gain from the bucket's own policy.
const USE_OF_BUCKET: &[&str] = &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"];

pub(super) fn check(statements: &[Statement], found: &mut Found) {
    let is_open = |statement: &&Statement| statement.allows && statement.is_unconditional();
    let open: Vec<&Statement> = statements.iter().filter(is_open).collect();
    let entries = || open.iter().flat_map(|statement| &statement.actions);
    let is_granted = |action: &&str| entries().any(|entry| entry.covers(action)) && !is_denied(statements, action);
    let has_all = USE_OF_BUCKET.iter().all(is_granted);
    for statement in &open {
        let mut told = Vec::new();
        if !has_all {
            told = each(statement, statements, |entry| among(entry, BUCKET_POLICY));
            bucket_policy(&told, found);
        }
        if statement.resources.iter().any(|resource| resource.text == "*") {
            credentials(&each(statement, statements, |entry| among(entry, CREDENTIALS)), found);
            let is_told = |entry: &Entry| told.iter().any(|(other, _)| other.spot.path == entry.spot.path);
            let rest =
                each(statement, statements, |entry| if is_told(entry) { Vec::new() } else { permissions(entry) });
            changes(&rest, found);
        }
    }
}

/// Returns the actions that a statement's entries stand for and nothing denies, each with its entry.
fn each<'s, 'a>(
    statement: &'s Statement<'a>,
    statements: &[Statement],
    actions: impl Fn(&Entry) -> Vec<String>,
) -> Vec<(&'s Entry<'a>, String)> {
    // Who may do everything is told so elsewhere.
    let entries = statement.actions.iter().filter(|entry| entry.text != "*");
    let named = entries.flat_map(|entry| actions(entry).into_iter().map(move |action| (entry, action)));
    named.filter(|(_, action)| !is_denied(statements, action)).collect()
}

fn among(entry: &Entry, actions: &[&str]) -> Vec<String> {
    actions.iter().filter(|action| entry.covers(action)).map(|action| (*action).to_owned()).collect()
}

fn permissions(entry: &Entry) -> Vec<String> {
    let is_also = |service: &Service, action: &Action| {
        ALSO_PERMISSIONS.iter().any(|also| also.split_once(':') == Some((service.prefix, action.name)))
    };
    let counts = |(service, action): &(&'static Service, &'static Action)| {
        action.level == Level::PermissionsManagement || is_also(service, action)
    };
    entry.known().filter(counts).map(|(service, action)| format!("{}:{}", service.prefix, action.name)).collect()
}

/// Who may change a bucket's own policy gets from the bucket what the document does not grant.
fn bucket_policy(granted: &[(&Entry, String)], found: &mut Found) {
    let Some((first, _)) = granted.first() else { return };
    let names = names(granted);
    let message = format!("{names} can give every access to the bucket that this document does not");
    found.add("resource-policy-privilege-escalation", &first.spot, message, "leave it to those who manage the bucket");
}

fn credentials(granted: &[(&Entry, String)], found: &mut Found) {
    let Some((first, _)) = granted.first() else { return };
    let message = format!("{} hands out a way to sign in", names(granted));
    found.add("credentials-exposure", &first.spot, message, "keep it to those who need it");
}

fn changes(granted: &[(&Entry, String)], found: &mut Found) {
    let Some((first, _)) = granted.first() else { return };
    let message = format!("{} on any resource changes who may do what", names(granted));
    found.add("permissions-management-actions", &first.spot, message, "name the resources");
}

fn names(granted: &[(&Entry, String)]) -> String {
    listed(granted.iter().map(|(_, action)| action.as_str()))
}
