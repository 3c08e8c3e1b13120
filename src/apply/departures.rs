//! What goes last. Nothing orders a role that goes and one that comes under another name, though the one may be
//! meant for the place of the other: so what the manifest does not say any more goes when all else is done, and stays
//! where something failed, for the next run. So does what gets another name: the new one is in the place of the old
//! one only with all that hangs on it, and where all who trust the old one trust it.

use std::collections::HashSet;

use crate::kinds;
use crate::model::ObjectId;
use crate::plan::order::{Part, Task};
use crate::plan::{Change, Plan};

/// Says of each task whether it takes away an object that leaves, or what hangs on one, and nothing that stays or comes
/// waits for it. What is taken from an owner that stays is not held up.
pub(super) fn of(plan: &Plan) -> Vec<bool> {
    let leaves = |id: &&ObjectId| kinds::spec(&id.kind).is_some_and(|spec| spec.schema().section.is_some());
    let removed = |task: &Task| {
        let step = &plan.steps[task.step];
        let (Change::Delete { before } | Change::Replace { before, .. }) = &step.change else { return None };
        // What is made again does not leave.
        let id = step.removed.as_ref().filter(|_| task.part == Part::Remove && step.removed != step.made);
        id.map(|id| (id, before))
    };
    let leaving: HashSet<&ObjectId> =
        plan.tasks.iter().filter_map(|task| removed(task).map(|(id, _)| id)).filter(leaves).collect();
    let mut departs: Vec<bool> = plan
        .tasks
        .iter()
        .map(|task| {
            removed(task).is_some_and(|(id, before)| {
                leaving.contains(id) || kinds::hanging(id, before).is_some_and(|hangs| leaving.contains(&hangs.owner))
            })
        })
        .collect();
    let mut needed: Vec<usize> = (0..plan.tasks.len()).filter(|&task| !departs[task]).collect();
    while let Some(task) = needed.pop() {
        for &before in plan.tasks[task].after.iter().filter(|&&before| std::mem::replace(&mut departs[before], false)) {
            needed.push(before);
        }
    }
    departs
}
