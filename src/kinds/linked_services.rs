//! The services that have a service-linked role: "AWS services that work with IAM" in the IAM User Guide and the page
//! on it in each service's own guide, as of 2025-12. AWS adds to them, so one that is not here may well be one.

use crate::problem::Problem;

/// By what AWS calls them in `CreateServiceLinkedRole`.
pub const SERVICES: &[&str] = &[
    "access-analyzer.amazonaws.com",
    "accountdiscovery.ssm.amazonaws.com",
    "acm.amazonaws.com",
    "aidevops.amazonaws.com",
    "amplifybackend.amazonaws.com",
    "application-insights.amazonaws.com",
    "application-signals.cloudwatch.amazonaws.com",
    "appmesh.amazonaws.com",
    "appstream.application-autoscaling.amazonaws.com",
    "auditmanager.amazonaws.com",
    "autoscaling-plans.amazonaws.com",
    "autoscaling.amazonaws.com",
    "aws-artifact.amazonaws.com",
    "backup.amazonaws.com",
    "batch.amazonaws.com",
    "bedrock.amazonaws.com",
    "billingconductor.amazonaws.com",
    "braket.amazonaws.com",
    "cassandra.application-autoscaling.amazonaws.com",
    "channels.lex.amazonaws.com",
    "channels.lexv2.amazonaws.com",
    "chatbot.amazonaws.com",
    "chime.amazonaws.com",
    "cks.kms.amazonaws.com",
    "cloud9.amazonaws.com",
    "cloudfront-vpcorigin.amazonaws.com",
    "cloudhsm.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "cloudwatch-crossaccount.amazonaws.com",
    "codeguru-profiler.amazonaws.com",
    "codeguru-reviewer.amazonaws.com",
    "codestar-notifications.amazonaws.com",
    "comprehend.application-autoscaling.amazonaws.com",
    "compute-optimizer.amazonaws.com",
    "config-conforms.amazonaws.com",
    "config-multiaccountsetup.amazonaws.com",
    "config.amazonaws.com",
    "connect-campaigns.amazonaws.com",
    "connect.amazonaws.com",
    "continuousexport.discovery.amazonaws.com",
    "controltower.amazonaws.com",
    "cost-optimization-hub.bcm.amazonaws.com",
    "custom-resource.application-autoscaling.amazonaws.com",
    "databrew.amazonaws.com",
    "datasync.amazonaws.com",
    "dax.amazonaws.com",
    "deepracer.amazonaws.com",
    "delivery.logs.amazonaws.com",
    "detective.amazonaws.com",
    "devops-guru.amazonaws.com",
    "dms.amazonaws.com",
    "drs.amazonaws.com",
    "dynamodb.application-autoscaling.amazonaws.com",
    "ec2-instance-connect.amazonaws.com",
    "ec2.application-autoscaling.amazonaws.com",
    "ec2fastlaunch.amazonaws.com",
    "ec2fleet.amazonaws.com",
    "ec2scheduled.amazonaws.com",
    "ecr.amazonaws.com",
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "eks-connector.amazonaws.com",
    "eks-fargate.amazonaws.com",
    "eks-nodegroup.amazonaws.com",
    "eks.amazonaws.com",
    "elasticache.amazonaws.com",
    "elasticache.application-autoscaling.amazonaws.com",
    "elasticbeanstalk.amazonaws.com",
    "elasticfilesystem.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "elasticmapreduce.amazonaws.com",
    "email.cognito-idp.amazonaws.com",
    "emr-containers.amazonaws.com",
    "emr-serverless.amazonaws.com",
    "emrwal.amazonaws.com",
    "es.amazonaws.com",
    "events.amazonaws.com",
    "filter.servicecatalog-appregistry.amazonaws.com",
    "finspace.amazonaws.com",
    "fis.amazonaws.com",
    "fms.amazonaws.com",
    "forecast.amazonaws.com",
    "fsx.amazonaws.com",
    "gamelift.amazonaws.com",
    "globalaccelerator.amazonaws.com",
    "grafana.amazonaws.com",
    "guardduty.amazonaws.com",
    "health.amazonaws.com",
    "imagebuilder.amazonaws.com",
    "inspector.amazonaws.com",
    "inspector2.amazonaws.com",
    "internetmonitor.amazonaws.com",
    "iotfleetwise.amazonaws.com",
    "iotsitewise.amazonaws.com",
    "ipam.amazonaws.com",
    "ivs.amazonaws.com",
    "kafka.amazonaws.com",
    "kafka.application-autoscaling.amazonaws.com",
    "kafkaconnect.amazonaws.com",
    "keyspaces.amazonaws.com",
    "lakeformation.amazonaws.com",
    "lambda.application-autoscaling.amazonaws.com",
    "lex.amazonaws.com",
    "lexv2.amazonaws.com",
    "license-manager-linux-subscriptions.amazonaws.com",
    "license-manager-user-subscriptions.amazonaws.com",
    "license-manager.amazonaws.com",
    "license-manager.master-account.amazonaws.com",
    "license-manager.member-account.amazonaws.com",
    "lightsail.amazonaws.com",
    "logger.cloudfront.amazonaws.com",
    "lookoutequipment.amazonaws.com",
    "m2.amazonaws.com",
    "macie.amazonaws.com",
    "malware-protection.guardduty.amazonaws.com",
    "managed-blockchain.amazonaws.com",
    "management.chatbot.amazonaws.com",
    "marketplace.amazonaws.com",
    "mediapackage.amazonaws.com",
    "mediastore.amazonaws.com",
    "mediatailor.amazonaws.com",
    "member.org.stacksets.cloudformation.amazonaws.com",
    "memorydb.amazonaws.com",
    "mgn.amazonaws.com",
    "migrationhub.amazonaws.com",
    "monitron.amazonaws.com",
    "mq.amazonaws.com",
    "multi-region.kms.amazonaws.com",
    "neptune-graph.amazonaws.com",
    "neptune.application-autoscaling.amazonaws.com",
    "network-firewall.amazonaws.com",
    "networkmanager.amazonaws.com",
    "networkmonitor.amazonaws.com",
    "observability.aoss.amazonaws.com",
    "observabilityadmin.amazonaws.com",
    "opensearchservice.amazonaws.com",
    "ops.apigateway.amazonaws.com",
    "opsdatasync.ssm.amazonaws.com",
    "opsinsights.ssm.amazonaws.com",
    "organizations.amazonaws.com",
    "osis.amazonaws.com",
    "outposts.amazonaws.com",
    "panorama.amazonaws.com",
    "polly.amazonaws.com",
    "private-networks.amazonaws.com",
    "proton.amazonaws.com",
    "q.amazonaws.com",
    "qbusiness.amazonaws.com",
    "quicksight.amazonaws.com",
    "ram.amazonaws.com",
    "rbin.amazonaws.com",
    "rds.amazonaws.com",
    "rds.application-autoscaling.amazonaws.com",
    "redshift-serverless.amazonaws.com",
    "redshift.amazonaws.com",
    "replication.cassandra.amazonaws.com",
    "replication.dynamodb.amazonaws.com",
    "replication.ecr.amazonaws.com",
    "replicator.lambda.amazonaws.com",
    "resiliencehub.amazonaws.com",
    "resource-explorer-2.amazonaws.com",
    "resource-groups.amazonaws.com",
    "robomaker.amazonaws.com",
    "route53-recovery-readiness.amazonaws.com",
    "route53resolver.amazonaws.com",
    "rum.amazonaws.com",
    "s3-outposts.amazonaws.com",
    "s3.data-source.lustre.fsx.amazonaws.com",
    "sagemaker.amazonaws.com",
    "sagemaker.application-autoscaling.amazonaws.com",
    "securityhub.amazonaws.com",
    "securitylake.amazonaws.com",
    "servicecatalog-appregistry.amazonaws.com",
    "servicecatalog.amazonaws.com",
    "servicequotas.amazonaws.com",
    "ses.amazonaws.com",
    "shield.amazonaws.com",
    "signin.amazonaws.com",
    "sms-voice.amazonaws.com",
    "sms.amazonaws.com",
    "spot.amazonaws.com",
    "spotfleet.amazonaws.com",
    "ssm-incidents.amazonaws.com",
    "ssm-quicksetup.amazonaws.com",
    "ssm.amazonaws.com",
    "sso.amazonaws.com",
    "stacksets.cloudformation.amazonaws.com",
    "storage-lens.s3.amazonaws.com",
    "storagegateway.amazonaws.com",
    "support.amazonaws.com",
    "swf.amazonaws.com",
    "synthetics.amazonaws.com",
    "tagpolicies.tag.amazonaws.com",
    "timestream.amazonaws.com",
    "transfer.amazonaws.com",
    "transitgateway.amazonaws.com",
    "trustedadvisor.amazonaws.com",
    "verified-access.amazonaws.com",
    "vmie.amazonaws.com",
    "vpc-lattice.amazonaws.com",
    "waf-regional.amazonaws.com",
    "waf.amazonaws.com",
    "wafv2.amazonaws.com",
    "wellarchitected.amazonaws.com",
    "workmail.amazonaws.com",
    "workspaces-instances.amazonaws.com",
    "workspaces-web.amazonaws.com",
    "workspaces.application-autoscaling.amazonaws.com",
    "xray.amazonaws.com",
];

/// Says whether a service is known to have such a role, in whichever partition.
pub fn is_known(service: &str) -> bool {
    let service = service.strip_suffix(".cn").unwrap_or(service);
    SERVICES.binary_search(&service).is_ok()
}

/// Says that no service is known under this name to have a role of its own. AWS adds to them: only a slip of one that
/// is known is an error.
pub fn doubt(service: &str, what: &str) -> Option<Problem> {
    const DOMAIN: &str = ".amazonaws.com";
    if is_known(service) {
        return None;
    }
    let (stem, rest) = service.split_at(service.find(DOMAIN)?);
    let letters = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
    let mut stems = SERVICES
        .iter()
        .filter_map(|known| known.strip_suffix(DOMAIN))
        .filter(|near| strsim::damerau_levenshtein(near, stem) == 1);
    // `wafv3` is a successor, and of three letters too many are near.
    let near = stems.find(|near| stem.len() > 3 && letters(near) != letters(stem));
    let message = format!("{what}: no service that has a role of its own is known here as `{service}`");
    Some(match near {
        Some(near) => Problem::error("bad-service", message).help(format!("did you mean `{near}{rest}`?")),
        None => Problem::warning("unknown-service", message).note("AWS may have added it since, and refuses it if not"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Severity;

    #[test]
    fn they_are_sorted_and_found() {
        assert!(SERVICES.is_sorted());
        assert!(is_known("spot.amazonaws.com") && is_known("batch.amazonaws.com.cn"));
        assert!(!is_known("spott.amazonaws.com"));
    }

    #[test]
    fn a_slip_is_wrong_and_what_may_be_new_only_doubtful() {
        let severity = |service: &str| doubt(service, "x").map(|problem| problem.severity);
        assert_eq!(severity("spot.amazonaws.com"), None);
        assert_eq!(severity("spott.amazonaws.com"), Some(Severity::Error));
        assert_eq!(severity("wafv3.amazonaws.com"), Some(Severity::Warning));
        assert_eq!(severity("quantum-kitchen.amazonaws.com"), Some(Severity::Warning));
    }
}
