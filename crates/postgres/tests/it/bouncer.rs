//! A pooler before the database, as a deployment of many servers has one: PgBouncer that gives each transaction another
//! connection. Debian's forgets statements that were prepared, so their cache is off.

use std::path::PathBuf;

use everthread_graph::contract::StoreErrorKind;
use everthread_postgres::{PostgresOptions, PostgresStore};
use everthread_store::Store;
use everthread_store::conformance;

use crate::conformance::SchemaFactory;
use crate::postgres::{Keeper, Server, folder, free_port, secret};

/// `$1` is its folder, `$2` the program.
const SERVE: &str = r#"
trap : INT TERM HUP
home="$1"
"$2" -q "$home/pgbouncer.ini" >"$home/log" 2>&1 &
bouncer=$!
tries=0
while ! [ -S "$home"/.s.PGSQL.* ] && kill -0 $bouncer 2>/dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.05; done
if [ -S "$home"/.s.PGSQL.* ]; then echo ready; else cat "$home/log"; kill -TERM $bouncer; rm -rf "$home"; exit 1; fi
while read -r _ || [ $? -gt 128 ]; do :; done
kill -TERM $bouncer
wait $bouncer
rm -rf "$home"
"#;

/// A PgBouncer before the private server.
struct Bouncer {
    home: PathBuf,
    port: u16,
    _keeper: Keeper,
}

impl Bouncer {
    /// With so many connections to the server.
    fn start(server: &Server, connections: u32) -> Self {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|path| std::path::Path::new(path).is_file())
            .expect("PgBouncer is missing: run script/test, which installs it, or sudo apt-get install pgbouncer");
        let home = folder("everthread-pgb");
        let port = free_port();
        let settings = format!(
            "[databases]\n\
             * = host={server} port={server_port} user=everthread\n\
             [pgbouncer]\n\
             pool_mode = transaction\n\
             default_pool_size = {connections}\n\
             max_client_conn = 500\n\
             auth_type = any\n\
             unix_socket_dir = {home}\n\
             listen_port = {port}\n\
             ignore_startup_parameters = extra_float_digits\n",
            server = server.home.display(),
            server_port = server.port,
            home = home.display(),
        );
        secret(&home.join("pgbouncer.ini"), &settings);
        let keeper = Keeper::start(SERVE, &home, &[program]).unwrap();
        Self {
            home,
            port,
            _keeper: keeper,
        }
    }

    fn url(&self, rest: &str) -> String {
        let host = self.home.display().to_string().replace('/', "%2F");
        format!("postgres://everthread@{host}:{}/postgres?{rest}", self.port)
    }
}

/// Everything that a turn does, with fewer connections than clients.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_behind_a_pooler_keeps_the_contract() {
    let bouncer = Bouncer::start(Server::shared(), 3);
    let mut given = 0;
    let mut factory = || {
        given += 1;
        SchemaFactory::at(bouncer.url(&format!("schema=bounced_{given}&statement_cache=off")))
    };
    conformance::commits::a_wrong_head_is_a_conflict(&factory()).await;
    conformance::commits::steps_handed_over_together_apply_in_order(&factory()).await;
    conformance::commits::users_and_threads_appear_with_the_first_step(&factory()).await;
    conformance::policies::rollback_takes_back_what_the_other_did(&factory()).await;
    conformance::policies::fifty_at_once_lose_nothing(&factory()).await;
    conformance::orphans::runs_of_a_process_that_is_gone_can_be_claimed(&factory()).await;
    conformance::pending::a_later_write_replaces_an_earlier(&factory()).await;
    conformance::lists::each_way_to_change_a_list_restores(&factory()).await;
    conformance::reading::threads_are_listed_pinned_and_recent_first(&factory()).await;
    conformance::searching::indexed_or_not_makes_no_difference(&factory()).await;
    conformance::threads::a_copy_says_what_its_source_says(&factory()).await;
    conformance::users::an_erased_user_leaves_nothing(&factory()).await;
    conformance::queueing::a_queued_run_waits_for_its_turn(&factory()).await;
    conformance::events::events_come_back_in_order(&factory()).await;
    conformance::items::items_are_filtered_by_their_values(&factory()).await;
    conformance::values::any_text_survives(&factory()).await;
}

/// Whoever leaves the cache on behind such a pooler hears what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_forgets_statements_is_told_of() {
    let bouncer = Bouncer::start(Server::shared(), 4);
    let options = PostgresOptions::from_url(&bouncer.url("schema=forgotten")).unwrap();
    // Many at once: what one connection prepared, it soon asks of another.
    let outcome = async {
        let store = PostgresStore::open(options).await?;
        for _ in 0..100 {
            let calls = (0..64).map(|_| store.users(everthread_store::ListUsers::default()));
            futures::future::try_join_all(calls).await?;
        }
        Ok::<_, everthread_store::StoreError>(())
    };
    let refused = outcome.await.unwrap_err();
    assert_eq!(refused.kind(), StoreErrorKind::Unavailable);
    assert!(
        refused.to_string().contains("statement_cache=off"),
        "{refused}"
    );
}
