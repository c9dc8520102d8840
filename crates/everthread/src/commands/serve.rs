//! `everthread serve`: the HTTP server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use everthread_model::ModelConfig;
use serde_json::json;
use tokio::net::{TcpListener, lookup_host};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Serve;
use crate::commands::chat::make_servable;
use crate::commands::models;
use crate::failure::{Exit, Failure};
use crate::output::{Output, is_interactive};
use crate::settings::Settings;
use crate::wiring::needs::{Lack, members};
use crate::{logging, wiring};

/// Runs the command, until SIGTERM or SIGINT.
pub(crate) async fn run(settings: &Settings, output: Output, args: &Serve) -> Result<(), Failure> {
    let _logging = logging::begin(settings.log())?;
    let address = address(settings.listen(args.listen.as_deref())).await?;
    let spec = settings.model(args.model.as_deref());
    let mut config = settings.model_config();
    make_servable(&spec, &mut config, is_interactive() && !args.pull)?;
    let lacking = lacking(&spec, &config)?;
    let models_dir = config.local.models_dir.clone();
    let serving = wiring::serving::open(settings, &spec, config).await?;
    for (model, lack) in &lacking {
        tracing::warn!(
            operation = "serve",
            model,
            "this model cannot answer yet: {lack}"
        );
    }
    if args.pull {
        pull(lacking, models_dir)?;
    }
    let done = listen(
        settings,
        output,
        &spec,
        address,
        &serving.store,
        serving.server,
    )
    .await;
    let closed = serving.store.close().await;
    done?;
    Ok(closed?)
}

async fn listen(
    settings: &Settings,
    output: Output,
    spec: &str,
    address: SocketAddr,
    store: &std::sync::Arc<dyn everthread_store::Store>,
    server: everthread_server::Server,
) -> Result<(), Failure> {
    wiring::serving::check_exposure(settings, store, address).await?;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let what = format!("cannot listen on {address}: is another server there?");
        Failure::new(Exit::Unavailable, what).because(error)
    })?;
    let stop = stop_signal()?;
    let at = listener.local_addr()?;
    let url = format!("http://{at}");
    output.print(json!({ "listening": url, "model": spec }), || {
        format!("Everthread listens on {url} with {spec}. Stop it with Ctrl-C.")
    })?;
    tracing::info!(operation = "serve", address = %at, model = spec, "listening");
    let served = server.serve(listener, stop).await;
    tracing::info!(operation = "serve", outcome = "ok", "stopped");
    served.map_err(|error| {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::Usage,
            io::ErrorKind::InvalidInput => Exit::Invalid,
            _ => Exit::Failed,
        };
        Failure::new(exit, "the server cannot serve").because(error)
    })
}

/// The models that cannot answer yet, and why.
fn lacking(spec: &str, config: &ModelConfig) -> Result<Vec<(String, Lack)>, Failure> {
    let chain = members(&spec.parse()?, config).into_iter();
    let lacking = chain.filter_map(|member| Some((member.model, member.lack?)));
    Ok(lacking.collect())
}

/// Gets weights, on a thread of its own that nobody waits for: what it has not got when the server stops is gone on
/// with the next time.
fn pull(lacking: Vec<(String, Lack)>, dir: PathBuf) -> Result<(), Failure> {
    let work = move || {
        for (model, lack) in lacking {
            let Lack::Weights(wanted) = lack else {
                continue;
            };
            match models::pull_in_background(wanted, &dir) {
                Ok(()) => tracing::info!(
                    operation = "pull",
                    outcome = "ok",
                    model,
                    "weights are here"
                ),
                Err(failure) => {
                    tracing::error!(operation = "pull", outcome = "error", model, error = %failure, "no weights");
                }
            }
        }
    };
    std::thread::Builder::new()
        .name("pull".to_owned())
        .spawn(work)?;
    Ok(())
}

async fn address(text: &str) -> Result<SocketAddr, Failure> {
    let wrong = || {
        let what = format!("{text:?} is no address to listen on: write 127.0.0.1:8123");
        Failure::new(Exit::Usage, what)
    };
    let mut found = lookup_host(text)
        .await
        .map_err(|error| wrong().because(error))?;
    found.next().ok_or_else(wrong)
}

/// Done when somebody asks the process to stop.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(operation = "serve", "asked to stop");
    })
}
