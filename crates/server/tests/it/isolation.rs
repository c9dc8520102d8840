//! One user's data is absent for another: tried on every route of the table, so that a route without a case fails.

use std::collections::BTreeSet;

use everthread_server::{Rule, route_table};
use serde_json::{Value, json};

use crate::app::Answer;
use crate::keyed::Keyed;

/// What bob sends to a route about what is ann's.
struct Case {
    route: &'static str,
    query: &'static str,
    body: Value,
}

/// Things of ann's: a thread, a run on it, a checkpoint.
struct Hers {
    thread: &'static str,
    run: String,
    checkpoint: String,
    response: String,
    item: String,
}

fn case(route: &'static str, body: Value) -> Case {
    Case {
        route,
        query: "",
        body,
    }
}

fn run() -> Value {
    json!({
        "assistant_id": "chat",
        "input": {"messages": [{"role": "user", "content": "hello"}]},
    })
}

/// A request for each route whose data belongs to users.
fn cases(hers: &Hers) -> Vec<Case> {
    let mut cases = of_threads(hers);
    cases.extend(of_runs(hers));
    cases.extend(of_openai(hers));
    cases.extend([
        case(
            "PUT /store/items",
            json!({"namespace": ["facts"], "key": "pet", "value": {"a": 1}}),
        ),
        Case {
            route: "GET /store/items",
            query: "?namespace=facts&key=dog",
            body: Value::Null,
        },
        case(
            "DELETE /store/items",
            json!({"namespace": ["facts"], "key": "dog"}),
        ),
        case("POST /store/items/search", json!({"namespace_prefix": []})),
        case("POST /store/namespaces", json!({})),
        case("GET /api/users/{user}", Value::Null),
        case("PUT /api/users/{user}", json!({"name": "Mallory"})),
        case("GET /api/users/{user}/threads", Value::Null),
        case("GET /api/users/{user}/sessions", Value::Null),
        case("GET /api/users/{user}/export", Value::Null),
        Case {
            route: "GET /api/search",
            query: "?q=xylophone",
            body: Value::Null,
        },
    ]);
    cases
}

fn of_openai(hers: &Hers) -> Vec<Case> {
    let said = json!({"messages": [{"role": "user", "content": "hello"}], "user": hers.thread});
    let items = json!({"items": [{"role": "user", "content": "hello"}]});
    let metadata = json!({"metadata": {"a": "b"}});
    vec![
        case("POST /v1/chat/completions", said),
        case(
            "POST /v1/responses",
            json!({"input": "hello", "conversation": hers.thread}),
        ),
        case("GET /v1/responses/{response_id}", Value::Null),
        case("DELETE /v1/responses/{response_id}", Value::Null),
        case("GET /v1/responses/{response_id}/input_items", Value::Null),
        case("POST /v1/responses/{response_id}/cancel", Value::Null),
        case("POST /v1/conversations", metadata.clone()),
        case("GET /v1/conversations", Value::Null),
        case("GET /v1/conversations/{conversation_id}", Value::Null),
        case("POST /v1/conversations/{conversation_id}", metadata),
        case("DELETE /v1/conversations/{conversation_id}", Value::Null),
        case("POST /v1/conversations/{conversation_id}/items", items),
        case("GET /v1/conversations/{conversation_id}/items", Value::Null),
        case(
            "GET /v1/conversations/{conversation_id}/items/{item_id}",
            Value::Null,
        ),
        case(
            "DELETE /v1/conversations/{conversation_id}/items/{item_id}",
            Value::Null,
        ),
        case(
            "POST /mcp",
            json!({
                "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                "params": {"name": "read_conversation", "arguments": {"conversation": hers.thread}},
            }),
        ),
    ]
}

fn of_threads(hers: &Hers) -> Vec<Case> {
    let at = json!({"checkpoint": {"thread_id": hers.thread, "checkpoint_id": hers.checkpoint}});
    vec![
        case(
            "POST /threads",
            json!({"thread_id": hers.thread, "if_exists": "raise"}),
        ),
        case("POST /threads/search", json!({"ids": [hers.thread]})),
        case("POST /threads/count", json!({})),
        case("POST /threads/prune", json!({"thread_ids": [hers.thread]})),
        case("GET /threads/{thread_id}", Value::Null),
        case("PATCH /threads/{thread_id}", json!({"metadata": {"x": 1}})),
        case("DELETE /threads/{thread_id}", Value::Null),
        case("POST /threads/{thread_id}/copy", Value::Null),
        case("GET /threads/{thread_id}/state", Value::Null),
        case(
            "POST /threads/{thread_id}/state",
            json!({"values": {"messages": []}}),
        ),
        case("POST /threads/{thread_id}/state/checkpoint", at),
        case(
            "GET /threads/{thread_id}/state/{checkpoint_id}",
            Value::Null,
        ),
        case("POST /threads/{thread_id}/history", json!({})),
        case("GET /threads/{thread_id}/history", Value::Null),
        case("GET /threads/{thread_id}/stream", Value::Null),
        case(
            "POST /threads/{thread_id}/commands",
            json!({"id": 1, "method": "run.start", "params": run()}),
        ),
        // It follows a thread that is not there yet; that nothing is heard there is tried with the protocol.
        case(
            "POST /threads/{thread_id}/stream/events",
            json!({"channels": []}),
        ),
        case("GET /threads/{thread_id}/stream/events", Value::Null),
    ]
}

fn of_runs(hers: &Hers) -> Vec<Case> {
    let ended = json!({"thread_id": hers.thread, "run_ids": [hers.run]});
    vec![
        case("POST /threads/{thread_id}/runs", run()),
        case("POST /threads/{thread_id}/runs/stream", run()),
        case("POST /threads/{thread_id}/runs/wait", run()),
        case("GET /threads/{thread_id}/runs", Value::Null),
        case("GET /threads/{thread_id}/runs/{run_id}", Value::Null),
        case("DELETE /threads/{thread_id}/runs/{run_id}", Value::Null),
        case("GET /threads/{thread_id}/runs/{run_id}/join", Value::Null),
        case("GET /threads/{thread_id}/runs/{run_id}/stream", Value::Null),
        case(
            "POST /threads/{thread_id}/runs/{run_id}/cancel",
            Value::Null,
        ),
        case("POST /runs", run()),
        case("POST /runs/stream", run()),
        case("POST /runs/wait", run()),
        case("POST /runs/batch", json!([run()])),
        case("POST /runs/cancel", ended),
        case("GET /runs/{run_id}/stream", Value::Null),
        case("GET /runs/{run_id}/join", Value::Null),
    ]
}

/// Routes that belong to no user, with the reason why nothing of one can be seen there.
const OF_NO_USER: &[(&str, &str)] = &[
    ("/assistants", "graphs and configurations of the deployment"),
    ("/runs/crons", "nothing is kept"),
    ("/threads/{thread_id}/runs/crons", "nothing is kept"),
];

fn is_of_no_user(path: &str) -> bool {
    OF_NO_USER
        .iter()
        .any(|(begin, _)| path == *begin || path.starts_with(&format!("{begin}/")))
}

impl Hers {
    async fn make(keyed: &Keyed) -> Self {
        let thread = "anns-thread";
        keyed.talk_of_ann(thread).await;
        let item = json!({"namespace": ["facts"], "key": "dog", "value": {"name": "xylophone"}});
        keyed.with(&keyed.ann, "PUT", "/store/items", item).await;
        let path = format!("/threads/{thread}/runs");
        let runs = keyed.with(&keyed.ann, "GET", &path, Value::Null).await.ok();
        let asked = json!({"input": "the other password is xylophone", "conversation": thread});
        let response = keyed
            .with(&keyed.ann, "POST", "/v1/responses", asked)
            .await
            .ok();
        let path = format!("/threads/{thread}/state");
        let state = keyed.with(&keyed.ann, "GET", &path, Value::Null).await.ok();
        Self {
            thread,
            run: runs[0]["run_id"].as_str().unwrap().to_owned(),
            checkpoint: state["checkpoint_id"].as_str().unwrap().to_owned(),
            response: response["id"].as_str().unwrap().to_owned(),
            item: response["output"][0]["id"].as_str().unwrap().to_owned(),
        }
    }

    /// The same places, made up.
    fn guessed() -> Self {
        let id = "01a2047f-15df-7573-8c45-1fe220b10946".to_owned();
        Self {
            thread: "nobodys-thread",
            run: id.clone(),
            response: "resp_01a2047f15df75738c451fe220b10946".to_owned(),
            item: format!("msg_{id}"),
            checkpoint: id,
        }
    }

    fn path(&self, pattern: &str, user: &str) -> String {
        pattern
            .replace("{thread_id}", self.thread)
            .replace("{conversation_id}", self.thread)
            .replace("{response_id}", &self.response)
            .replace("{item_id}", &self.item)
            .replace("{run_id}", &self.run)
            .replace("{checkpoint_id}", &self.checkpoint)
            .replace("{user}", user)
    }

    /// An answer without what differs from call to call: ids and times that the server made, and the names asked for.
    fn shape(&self, answer: &Answer, user: &str) -> (u16, String) {
        let mut text = answer.text.clone();
        // Longer names first: some have others in them.
        let ids = [&self.response, &self.item, &self.run, &self.checkpoint];
        let names = ids.map(String::as_str).into_iter();
        for name in names.chain([self.thread]) {
            text = text.replace(name, "NAME");
        }
        let mut shape = String::new();
        for word in text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
            let plain = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            // A UUID, with dashes or without, and whatever stands before it in an id.
            let is_hex = |byte: u8| byte.is_ascii_hexdigit();
            let is_id =
                plain.len() == 36 || plain.len() >= 32 && plain.bytes().rev().take(32).all(is_hex);
            let is_made = is_id || plain.chars().all(|c| c.is_ascii_digit() || c == 'T');
            // A short name may stand inside of other words.
            shape += match plain {
                _ if is_made => "#",
                plain if plain == user => "NAME",
                _ => word,
            };
        }
        (answer.status.as_u16(), shape)
    }
}

async fn ask(keyed: &Keyed, hers: &Hers, case: &Case, user: &str) -> Answer {
    let (method, pattern) = case.route.split_once(' ').unwrap();
    let path = hers.path(pattern, user) + case.query;
    keyed
        .with(&keyed.bob, method, &path, case.body.clone())
        .await
}

#[test]
fn every_route_of_users_has_a_case() {
    let cases: BTreeSet<&str> = cases(&Hers::guessed())
        .iter()
        .map(|case| case.route)
        .collect();
    for route in route_table() {
        let name = format!("{} {}", route.method, route.path);
        let needs_case = route.rule == Rule::Own && !is_of_no_user(route.path);
        assert_eq!(
            cases.contains(name.as_str()),
            needs_case,
            "{name} has the rule {:?}: every route with the rule Own, and no other, needs a case here",
            route.rule
        );
    }
}

#[tokio::test]
async fn what_is_anns_looks_to_bob_like_what_is_nobodys() {
    let keyed = Keyed::new().await;
    let hers = Hers::make(&keyed).await;
    let export = "/api/users/me/export";
    let before = keyed
        .with(&keyed.ann, "GET", export, Value::Null)
        .await
        .ok();
    let known = cases(&hers);
    for (case, guess) in known.iter().zip(cases(&Hers::guessed())) {
        let is_endless = case.route == "GET /threads/{thread_id}/stream";
        let answer = ask(&keyed, &hers, case, "ann").await;
        assert!(
            answer.status.as_u16() < 500,
            "{}: {}",
            case.route,
            answer.text
        );
        assert!(
            !answer.text.contains("xylophone"),
            "{} tells what ann said: {}",
            case.route,
            answer.text
        );
        assert!(!is_endless || answer.status == 404, "{}", answer.text);
        let guessed = Hers::guessed();
        let other = ask(&keyed, &guessed, &guess, "nobody").await;
        assert_eq!(
            hers.shape(&answer, "ann"),
            guessed.shape(&other, "nobody"),
            "{} tells that ann has it",
            case.route
        );
        undo(&keyed).await;
    }
    let mut after = keyed
        .with(&keyed.ann, "GET", export, Value::Null)
        .await
        .ok();
    after["exported_at"] = before["exported_at"].clone();
    // Looking is an activity of hers, and nothing else of hers has changed.
    assert_eq!(before, after);
}

/// Takes away what bob has made for himself, so that the next case finds nothing of his.
async fn undo(keyed: &Keyed) {
    let bob = everthread_graph::contract::UserId::new("bob").unwrap();
    loop {
        match keyed.app.store.erase_user(&bob).await {
            // A run of his has not ended yet.
            Err(error) if error.kind() == everthread_store::StoreErrorKind::Busy => {
                tokio::task::yield_now().await;
            }
            _ => return,
        }
    }
}

#[tokio::test]
async fn roles_hold_on_every_route() {
    let keyed = Keyed::new().await;
    for route in route_table() {
        let path = Hers::guessed().path(route.path, "ann");
        let path = path
            .replace("{assistant_id}", "chat")
            .replace("{namespace}", "x")
            .replace("{cron_id}", "x")
            .replace("{key_id}", "key_x");
        let method = route.method.as_str();
        let nobody = keyed.call(method, &path, &[], json!({})).await;
        let by_user = match route.rule {
            Rule::Manage | Rule::Admin => {
                Some(keyed.with(&keyed.bob, method, &path, json!({})).await)
            }
            _ => None,
        };
        let by_service = match route.rule {
            Rule::Admin => Some(keyed.with(&keyed.service, method, &path, json!({})).await),
            _ => None,
        };
        let name = format!("{method} {path}");
        assert_eq!(nobody.status == 401, route.rule != Rule::Public, "{name}");
        for refused in [by_user, by_service].into_iter().flatten() {
            assert_eq!(refused.status, 403, "{name}: {}", refused.text);
        }
    }
}
