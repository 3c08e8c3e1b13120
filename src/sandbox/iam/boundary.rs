//! Permissions boundaries of roles and users.

use super::owner::{self, Bounded};
use super::{Answer, Call, policy};
use crate::sandbox::answer::Refusal;
use crate::sandbox::world::World;
use crate::sandbox::xml::Xml;

pub fn put<T: Bounded>(call: &mut Call) -> Answer {
    let name = owner::editable::<T>(call)?.name().to_owned();
    let boundary = existing(call.world, call.request.required("PermissionsBoundary")?)?;
    T::table_mut(call.world).edit(&name, |owner| *owner.boundary_mut() = Some(boundary));
    Ok(Xml::default())
}

pub fn delete<T: Bounded>(call: &mut Call) -> Answer {
    let name = owner::editable::<T>(call)?.name().to_owned();
    T::table_mut(call.world).edit(&name, |owner| *owner.boundary_mut() = None);
    Ok(Xml::default())
}

pub fn write(xml: &mut Xml, arn: Option<&str>) {
    if let Some(arn) = arn {
        xml.node("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy").text("PermissionsBoundaryArn", arn);
        });
    }
}

/// Returns the ARN when there is a policy that can be a boundary.
pub fn existing(world: &World, arn: &str) -> Result<String, Refusal> {
    policy::check_arn(arn)?;
    let absent = || Refusal::absent(format!("Scope ARN: {arn} does not exist or is not attachable."));
    policy::find(world, arn).ok_or_else(absent)?;
    Ok(arn.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::sandbox::testbed::{ACCOUNT, Bed, refused, trust};

    #[tokio::test]
    async fn a_boundary_exists_and_can_be_taken_off() {
        let bed = Bed::new().await;
        bed.role("head").await;
        let put =
            |arn: &str| bed.iam().put_role_permissions_boundary().role_name("head").permissions_boundary(arn).send();
        let nothing = format!("arn:aws:iam::{ACCOUNT}:policy/nothing");
        let message = format!("Scope ARN: {nothing} does not exist or is not attachable.");
        assert_eq!(refused(put(&nothing).await), ("NoSuchEntity".into(), message.clone()));
        let create = bed.iam().create_role().role_name("x").permissions_boundary(&nothing);
        let create = create.assume_role_policy_document(trust("ec2").to_string()).send().await;
        assert_eq!(refused(create), ("NoSuchEntity".into(), message));
        for arn in [bed.policy("bound").await, "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()] {
            put(&arn).await.unwrap();
            let role = bed.iam().get_role().role_name("head").send().await.unwrap().role.unwrap();
            assert_eq!(role.permissions_boundary().unwrap().permissions_boundary_arn(), Some(arn.as_str()));
        }
        bed.iam().delete_role_permissions_boundary().role_name("head").send().await.unwrap();
        let role = bed.iam().get_role().role_name("head").send().await.unwrap().role.unwrap();
        assert!(role.permissions_boundary().is_none());
    }
}
