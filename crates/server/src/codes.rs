//! The stable codes of errors: what programs branch on. Each has a page in `docs/errors`, made from this table.

/// One code.
#[derive(Debug, Clone, Copy)]
pub struct ErrorCode {
    /// The code.
    pub code: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// What happened.
    pub what: &'static str,
    /// What to do next.
    pub remedy: &'static str,
}

const fn code(
    code: &'static str,
    status: u16,
    what: &'static str,
    remedy: &'static str,
) -> ErrorCode {
    ErrorCode {
        code,
        status,
        what,
        remedy,
    }
}

/// Every code, in alphabetical order.
pub const CODES: &[ErrorCode] = &[
    code(
        "assistant_unreadable",
        409,
        "The document of this assistant cannot be read.",
        "Delete the assistant and make it anew. The log says what is wrong with it.",
    ),
    code(
        "backup_unavailable",
        503,
        "A file of a backup, or the folder of the backups, cannot be read or written just now.",
        "Look whether the disk is full and who may write there, then try again.",
    ),
    code(
        "backup_unusable",
        409,
        "The file is no backup of Everthread, is damaged, was written by a newer version, or holds what this server cannot serve. Nothing has changed.",
        "Take another backup: `GET /api/backups` tells which were verified.",
    ),
    code(
        "bad_request",
        400,
        "The request is understood and cannot be done on this thread or in this state.",
        "Read `detail`: it names what stands in the way, such as a node that the graph does not have.",
    ),
    code(
        "body_too_large",
        413,
        "The body of the request is longer than this server takes.",
        "Send less, or raise `max_body_bytes` under `[server]`.",
    ),
    code(
        "cancelled",
        409,
        "The run was cancelled before it came to its end.",
        "Nothing, if that was wanted. Otherwise begin a new run: what the cancelled one committed is kept.",
    ),
    code(
        "conflict",
        409,
        "Something else changed what this request was about.",
        "Read it again, decide anew, and send the request again.",
    ),
    code(
        "driven_elsewhere",
        409,
        "The run is driven by another process on the same storage, which was asked to stop it and does not.",
        "Try again: a process that is gone loses its runs when its lease runs out.",
    ),
    code(
        "embeddings_unavailable",
        503,
        "Items cannot be ranked by meaning just now.",
        "Try again, or search without `query`. The log says what the model for embeddings lacks.",
    ),
    code(
        "erased",
        409,
        "The backup holds a user who was erased after it was made. Nothing was restored.",
        "Restore with `with_erased` if the user is to come back.",
    ),
    code(
        "exists",
        409,
        "What was to be created is there already.",
        "Choose another id, or use what is there (`if_exists: \"do_nothing\"` for threads).",
    ),
    code(
        "forbidden",
        403,
        "The caller is known, and this is not for its role.",
        "Use a key with the role that `detail` names. A key with the role `user` never names another user.",
    ),
    code(
        "graph_missing",
        409,
        "The thread or the assistant belongs to a graph that this server does not have.",
        "Start the server with that graph, or use another assistant.",
    ),
    code(
        "held",
        409,
        "The user is under hold: nothing of theirs is removed, whoever asks. Refused are erasing the user, \
         deleting a thread, a run or a memory item, taking a run back, removing old checkpoints, and replacing a \
         thread by an import. What ends by itself (threads, items and events of runs whose time is over) stays \
         until the hold ends. Nothing was removed.\n\n\
         A hold does not stop changes: conversations go on and can be forked, and a profile, a title or an item \
         takes a new value.",
        "End the hold with `everthread users unhold` or `POST /api/users/{user}/unhold`, if you may.",
    ),
    code(
        "internal",
        500,
        "Something is wrong inside the server.",
        "Look for the request's id (`x-request-id`) in the server's log, and report what stands there.",
    ),
    code(
        "invalid",
        422,
        "The request is readable and something in it is wrong.",
        "Read `detail`: it names the field and what it must be.",
    ),
    code(
        "invalid_json",
        422,
        "The body of the request is no JSON, is not UTF-8, or is nested too deeply.",
        "Send one JSON document in UTF-8, nested at most a hundred levels deep.",
    ),
    code(
        "method_not_allowed",
        405,
        "There is such a path, but not with this method.",
        "See `/openapi.json` for the methods of each path.",
    ),
    code(
        "model_not_found",
        404,
        "No model and no assistant of this name answers here.",
        "Take one that `GET /v1/models` lists, or leave `model` out.",
    ),
    code(
        "no_backups",
        404,
        "This server makes no backups.",
        "Use one that has a folder for them, as `everthread serve` has.",
    ),
    code(
        "no_crons",
        404,
        "This server runs nothing on a schedule.",
        "Begin runs from a scheduler of your own, or later with `after_seconds`.",
    ),
    code(
        "no_route",
        404,
        "There is no such path.",
        "See `/openapi.json` for the paths of this server.",
    ),
    code(
        "not_found",
        404,
        "What was named is not there. Another user's thread, run or item counts as not there.",
        "Check the id, and whether the key belongs to the user whose data it is.",
    ),
    code(
        "not_local",
        403,
        "The server has no keys and serves only its own machine; the request came from a website, through a proxy, or for \
         another host.",
        "Call it as `127.0.0.1` or `localhost`; to serve others make a key with `everthread keys create`.",
    ),
    code(
        "not_ready",
        503,
        "The server runs and cannot serve yet: something that it needs is not there, such as the weights of the model.",
        "Read `detail` and do what it says. The server becomes ready by itself.",
    ),
    code(
        "previous_response_not_found",
        400,
        "The response to go on from is not there, was not stored, or is another user's.",
        "Begin without `previous_response_id`, or go on from one that `GET /v1/responses/{response_id}` finds.",
    ),
    code(
        "queue_full",
        503,
        "Too many runs wait on this thread. Nothing was begun.",
        "Try again after the seconds that `Retry-After` says.",
    ),
    code(
        "rate_limited",
        429,
        "This key, user or address asked too often in the last minute. Nothing was done.",
        "Try again after the seconds that `Retry-After` says. An operator can raise the limits under `[limits]`, or give \
         the key one of its own.",
    ),
    code(
        "restoring",
        503,
        "The storage is being replaced by a backup. Nothing was begun.",
        "Try again after the seconds that `Retry-After` says.",
    ),
    code(
        "run_active",
        409,
        "The run has not ended.",
        "Wait for its end, or cancel it first.",
    ),
    code(
        "run_failed",
        502,
        "The reply could not be made: the model failed, or something in the graph did. What was said is kept.",
        "Read the message. Ask again with the same history, or in the conversation: what waits for its reply is not said \
         twice.",
    ),
    code(
        "stopping",
        503,
        "The server is about to stop. Nothing was begun.",
        "Try again after the seconds that `Retry-After` says: by then it, or another, should be there.",
    ),
    code(
        "store_in_use",
        409,
        "Another process has the storage open, so that it cannot be replaced. Nothing has changed.",
        "Stop the other process, such as a chat on the same file, and restore again.",
    ),
    code(
        "store_newer",
        503,
        "The storage was written by a newer version and is not touched.",
        "Run the newer version of Everthread.",
    ),
    code(
        "store_unavailable",
        503,
        "The storage does not answer: its disk is full, its file is locked, or it is overloaded. Nothing was done.",
        "Try again after the seconds that `Retry-After` says. `/health` tells what the storage lacks.",
    ),
    code(
        "system_assistant",
        409,
        "The assistant stands for a graph of the server and cannot be changed.",
        "Make an assistant of your own for the same graph.",
    ),
    code(
        "thread_busy",
        409,
        "Another run is active on this thread, and this request may not wait for it.",
        "Wait until the run has ended, cancel it, or choose another `multitask_strategy`.",
    ),
    code(
        "tokens_unavailable",
        503,
        "Tokens cannot be checked, because the key set of their issuer cannot be had.",
        "Try again after the seconds that `Retry-After` says. The log says why the issuer cannot be asked.",
    ),
    code(
        "too_many_jobs",
        429,
        "As many jobs are at work as the server takes. Nothing was begun.",
        "Wait until one has ended (`GET /api/jobs`), or cancel one.",
    ),
    code(
        "too_many_runs",
        503,
        "The server drives as many runs as it takes. Nothing was begun.",
        "Try again after the seconds that `Retry-After` says, or raise `max_runs` under `[server]`.",
    ),
    code(
        "too_many_streams",
        429,
        "This key or user reads as many streams at once as it may. Nothing was begun.",
        "Close a stream, or wait until a run ends. An operator can raise the limits under `[limits]`.",
    ),
    code(
        "tools_unsupported",
        400,
        "The request offers tools, and the model calls none.",
        "Leave `tools` out, or choose a model that calls them, such as one behind `openai:`.",
    ),
    code(
        "unauthorized",
        401,
        "Nobody is known who shows this: the key or the token is missing, unknown, revoked or out of date.",
        "Show a valid key in `X-Api-Key`, or a key or token in `Authorization: Bearer`.",
    ),
    code(
        "user_invalid",
        400,
        "The header `X-Everthread-User` names no user.",
        "Send it once, with 1 to 255 printable characters in UTF-8.",
    ),
    code(
        "user_required",
        400,
        "The request is about one user's data, and the key belongs to no user.",
        "Name the user in the header `X-Everthread-User`.",
    ),
];

/// Whether a code is in the table, and so on a page, with this status.
pub(crate) fn is_known(code: &str, status: u16) -> bool {
    let mut known = CODES.iter();
    known.any(|known| known.code == code && known.status == status)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors")
    }

    fn page(code: &ErrorCode) -> String {
        format!(
            "# `{}`\n\nStatus {}.\n\n{}\n\nWhat to do: {}\n",
            code.code, code.status, code.what, code.remedy
        )
    }

    #[test]
    fn every_code_has_its_page_and_every_page_its_code() {
        let made: BTreeMap<String, String> = CODES
            .iter()
            .map(|code| (format!("{}.md", code.code), page(code)))
            .collect();
        if std::env::var_os("EVERTHREAD_RENEW").is_some() {
            fs::create_dir_all(folder()).unwrap();
            for (name, text) in &made {
                fs::write(folder().join(name), text).unwrap();
            }
        }
        let entries = fs::read_dir(folder()).expect("docs/errors");
        let kept: BTreeMap<String, String> = entries
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(&path).unwrap())
            })
            .collect();
        assert!(
            made == kept,
            "docs/errors differs from the table; renew it with EVERTHREAD_RENEW=1 cargo test -p everthread-server pages, \
             and delete pages of codes that are gone"
        );
    }

    #[test]
    fn codes_are_in_order_and_each_once() {
        let codes: Vec<&str> = CODES.iter().map(|code| code.code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }
}
