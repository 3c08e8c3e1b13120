//! The blueprints that come with the program: one file each in `manifests/`, in the language that users write.

/// A blueprint that is used by its name.
#[derive(Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub text: &'static str,
}

const PREFIX: &str = "built-in ";

macro_rules! builtin {
    ($name:literal) => {
        Builtin { name: $name, text: include_str!(concat!("../../manifests/", $name, ".yaml")) }
    };
}

/// All of them, by name. To add one, write `manifests/NAME.yaml` and a line here.
pub const BUILTINS: &[Builtin] = &[
    builtin!("aws-cloud"),
    builtin!("aws-cloud-instance-profile"),
    builtin!("batch-forge"),
    builtin!("batch-launch"),
    builtin!("batch-manual-roles"),
    builtin!("efs-fsx"),
    builtin!("eks"),
    builtin!("eks-service-account"),
    builtin!("enterprise-host"),
    builtin!("enterprise-instance-role"),
    builtin!("enterprise-jump-role"),
    builtin!("enterprise-workload-identity"),
    builtin!("genomics-core"),
    builtin!("intelligent-compute"),
    builtin!("pipeline-secrets"),
    builtin!("role-assumed-by-users"),
    builtin!("s3-data"),
    builtin!("seqera-cloud-role"),
    builtin!("user-with-key"),
    builtin!("wave-ecr"),
];

pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// Returns the name that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    super::nearest::nearest(name, BUILTINS.iter().map(|builtin| builtin.name))
}

/// Says whether a source of this name is a built-in blueprint.
pub fn is_source(name: &str) -> bool {
    name.starts_with(PREFIX)
}

impl Builtin {
    /// Names it where a path would stand.
    pub fn source_name(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }
}
