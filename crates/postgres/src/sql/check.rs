//! Reading everything and saying what contradicts itself.

use everthread_graph::contract::StoreError;
use everthread_store::CheckReport;

use crate::store::Base;

/// Reads everything. `progress` hears steps done and steps in all.
pub(crate) async fn check(
    _base: &Base,
    _progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<CheckReport, StoreError> {
    todo!()
}
