//! The cases that every store passes.
//!
//! A store crate implements [`Factory`] in its tests and calls [`conformance_tests!`](crate::conformance_tests) with
//! an expression that makes a new one: that gives one test for each case of the one list here, so that no store
//! picks its cases.

#![expect(clippy::unwrap_used, reason = "these are tests, from beginning to end")]

mod build;
pub mod commits;
pub mod deletion;
pub mod events;
pub mod forks;
pub mod holds;
pub mod items;
pub mod lists;
pub mod orphans;
pub mod pending;
pub mod policies;
pub mod portable;
pub mod portable_policies;
pub mod pruning;
pub mod queueing;
pub mod reading;
pub mod records;
pub mod retention;
pub mod searching;
mod talk;
pub mod threads;
pub mod upkeep;
pub mod users;
pub mod values;

use std::sync::Arc;

use async_trait::async_trait;

use crate::Store;

pub use build::{Ids, Step, append, apply, element, json, key, value};
pub use policies::{all_turns_are_there, patient_turn};
pub use talk::{Talk, kinds, live, load, said, sound};

/// Makes stores on one storage, which is new for each factory.
#[async_trait]
pub trait Factory: Send + Sync {
    /// Opens the storage, as one more process would: stores that are open at the same time are strangers to each
    /// other, and one that is closed leaves its active runs as orphans.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Gives one test for each conformance case, for the stores of a factory that the expression makes.
#[macro_export]
macro_rules! conformance_tests {
    ($factory:expr) => {
        $crate::conformance_tests!(@each $factory;
            commits::a_wrong_head_is_a_conflict,
            commits::an_id_that_is_not_above_the_last_is_a_conflict,
            commits::a_step_that_is_sent_again_changes_nothing,
            commits::a_step_of_another_run_was_not_applied,
            commits::a_successor_of_a_failed_step_fails,
            commits::a_list_of_another_length_is_refused,
            commits::a_parent_that_is_not_there_is_not_found,
            commits::namespaces_have_heads_of_their_own,
            commits::steps_handed_over_together_apply_in_order,
            commits::a_store_that_was_closed_refuses_and_keeps,
            commits::users_and_threads_appear_with_the_first_step,
            policies::a_stale_fence_is_refused,
            policies::reject_is_busy,
            policies::outside_of_a_run_an_active_one_is_busy,
            policies::waiting_runs_go_first_in_first_out,
            policies::a_queue_is_bounded,
            policies::a_run_can_be_withdrawn,
            policies::nobody_waits_for_a_run_that_does_not_wait,
            policies::interrupt_stops_the_other_where_it_is,
            policies::rollback_takes_back_what_the_other_did,
            policies::rollback_stands_when_the_head_does_not_fit,
            policies::the_end_of_a_run_that_is_sent_again_changes_nothing,
            policies::fifty_at_once_lose_nothing,
            orphans::a_run_whose_process_is_gone_gives_way,
            orphans::a_waiting_run_whose_process_is_gone_holds_nobody_up,
            orphans::runs_of_a_process_that_is_gone_can_be_claimed,
            orphans::claimed_runs_can_be_withdrawn,
            orphans::another_process_lets_a_waiting_run_go,
            orphans::two_processes_on_one_thread_lose_nothing,
            pending::what_tasks_leave_is_there_until_their_step,
            pending::a_later_write_replaces_an_earlier,
            pending::writes_need_a_checkpoint_and_a_fence,
            pending::a_run_may_begin_and_end_without_a_step,
            pending::a_run_begins_at_a_head_only,
            pending::an_answer_goes_with_the_run_that_gave_it,
            pending::the_other_stays_stopped_where_a_run_does_not_begin,
            lists::each_way_to_change_a_list_restores,
            lists::only_context_leaves_the_transcript_alone,
            lists::a_successor_takes_the_place_of_what_it_replaces,
            lists::a_cleared_conversation_keeps_its_transcript,
            lists::plain_values_are_set_kept_and_cleared,
            lists::elements_without_ids_and_with_any_id_survive,
            lists::a_list_that_breaks_everywhere_restores,
            forks::a_fork_shares_what_was_said_before,
            forks::a_line_can_begin_from_nothing,
            forks::branches_are_counted,
            reading::history_comes_in_pages_newest_first,
            reading::threads_are_listed_pinned_and_recent_first,
            reading::a_thread_can_be_renamed_and_flagged,
            reading::profiles_are_created_and_changed,
            reading::messages_come_in_pages_from_the_end,
            reading::what_is_not_there_is_none_or_not_found,
            reading::runs_are_listed_newest_first,
            reading::statistics_count_everything,
            reading::statistics_tell_who_is_active_and_what_is_large,
            upkeep::upkeep_changes_nothing,
            upkeep::upkeep_can_be_stopped,
            pruning::old_checkpoints_go_and_the_others_restore,
            pruning::heads_and_waiting_runs_stay,
            pruning::a_thread_with_an_active_run_is_not_pruned,
            deletion::a_thread_goes_with_everything_of_it,
            deletion::a_thread_with_an_active_run_is_not_deleted,
            deletion::the_same_id_can_be_used_again,
            searching::every_word_must_occur_and_the_newest_comes_first,
            searching::indexed_or_not_makes_no_difference,
            searching::users_see_their_own_only,
            searching::what_left_the_transcript_is_not_found,
            searching::other_branches_are_found,
            searching::operators_are_not_reachable,
            searching::a_query_without_a_word_is_invalid,
            searching::a_thread_and_pages_narrow_it_down,
            threads::a_thread_can_be_created_before_its_first_turn,
            threads::a_thread_stands_as_its_last_run_left_it,
            threads::the_run_that_began_last_counts,
            threads::threads_are_found_by_their_metadata,
            threads::threads_are_found_by_what_they_are,
            threads::found_threads_come_in_order_and_in_pages,
            threads::metadata_can_be_merged,
            threads::expired_threads_are_told,
            threads::a_copy_says_what_its_source_says,
            threads::what_cannot_be_copied_is_refused,
            users::users_are_listed_with_what_they_have,
            users::a_held_user_is_not_erased,
            users::an_erased_user_leaves_nothing,
            users::a_user_with_an_active_run_is_not_erased,
            users::sessions_are_kept_and_listed,
            users::a_session_forgets_a_deleted_thread,
            holds::a_hold_holds,
            holds::time_takes_nothing_from_a_held_user,
            retention::idle_threads_go_and_the_others_stay,
            retention::age_and_idle_time_are_told_apart,
            retention::users_have_policies_of_their_own,
            retention::old_checkpoints_go_by_the_policy,
            retention::a_pass_can_be_stopped,
            retention::stale_threads_come_in_pages,
            queueing::details_stay_with_a_run,
            queueing::a_queued_run_waits_for_its_turn,
            queueing::policies_apply_when_a_queued_run_begins,
            queueing::a_run_does_not_begin_before_its_time,
            queueing::runs_come_by_status_and_in_pages,
            queueing::an_ended_run_can_be_deleted,
            queueing::a_run_can_be_taken_back,
            queueing::a_run_that_others_built_upon_stays,
            queueing::threads_of_a_process_that_is_gone_are_told,
            events::events_come_back_in_order,
            events::events_that_do_not_fit_are_refused,
            events::old_events_go,
            records::records_are_created_changed_and_deleted,
            records::records_are_listed_by_kind,
            records::of_two_changes_one_is_told,
            items::items_are_stored_changed_and_removed,
            items::prefixes_end_at_a_part,
            items::users_have_items_of_their_own,
            items::a_namespace_needs_parts,
            items::items_are_filtered_by_their_values,
            items::namespaces_are_listed,
            items::an_item_that_ended_is_not_there,
            portable::rows_make_the_same_store_again,
            portable::rows_of_a_scope_are_those_alone,
            portable::rows_are_of_one_moment,
            portable::a_large_thread_is_written_in_pieces,
            portable::a_part_is_written_whole_or_not_at_all,
            portable::erasing_leaves_a_mark,
            portable_policies::threads_meet_by_the_policy,
            portable_policies::a_copy_stands_beside_what_is_there,
            portable_policies::writing_twice_changes_nothing,
            portable_policies::a_dry_run_writes_nothing,
            portable_policies::own_rows_meet_one_by_one,
            portable_policies::a_busy_or_held_thread_is_not_replaced,
            portable_policies::a_replaced_thread_goes_on,
            values::any_text_survives,
            values::large_values_survive,
            values::names_are_not_patterns,
        );
    };
    (@each $factory:expr; $($module:ident::$case:ident),* $(,)?) => {
        $(
            #[::tokio::test]
            async fn $case() {
                let factory = $factory;
                $crate::conformance::$module::$case(&factory).await;
            }
        )*
    };
}
