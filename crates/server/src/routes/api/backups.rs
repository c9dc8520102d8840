//! `/api/backups`: the backups of the deployment. Whatever takes long is a job, which is answered at once.

mod file;
mod wire;

use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::State;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use everthread_backup::{DEFAULT_PREFIX, Form, Import};
use everthread_graph::contract::{ThreadKey, UserId};
use everthread_store::portable::{OnConflict, Scope};

use super::jobs::{begun, jobs};
use crate::app::App;
use crate::backups::Wanted;
use crate::body::Body;
use crate::error::ApiError;
use crate::params::{Path, segment, thread_id};
use crate::routes::{Routes, Rule};

pub(crate) use wire::{
    BackupBody, BackupList, ChangesBody, ImportBody, ImportedBody, MadeBody, NewBackupBody,
    PruneBody, PrunedBody, RestoreBody, VerifiedBody,
};
use wire::{FormName, Policy};

pub(super) fn routes(routes: Routes) -> Routes {
    let one = "/api/backups/{name}";
    routes
        .route(Method::GET, "/api/backups", Rule::Admin, list)
        .route(Method::POST, "/api/backups", Rule::Admin, create)
        .route(Method::POST, "/api/backups/prune", Rule::Admin, prune)
        .route(Method::GET, one, Rule::Admin, get)
        .route(Method::DELETE, one, Rule::Admin, delete)
        .route(
            Method::GET,
            "/api/backups/{name}/download",
            Rule::Admin,
            download,
        )
        .route(
            Method::POST,
            "/api/backups/{name}/verify",
            Rule::Admin,
            verify,
        )
        .route(
            Method::POST,
            "/api/backups/{name}/restore",
            Rule::Admin,
            restore,
        )
        .route(
            Method::POST,
            "/api/backups/{name}/import",
            Rule::Admin,
            import,
        )
}

async fn list(State(app): State<App>) -> Result<Json<BackupList>, ApiError> {
    let listed = jobs(&app)?.list().await?;
    Ok(Json(BackupList {
        backups: listed.iter().map(BackupBody::from).collect(),
    }))
}

async fn get(path: Path, State(app): State<App>) -> Result<Json<BackupBody>, ApiError> {
    let found = jobs(&app)?.find(path.text("name")).await?;
    Ok(Json(BackupBody::from(&found)))
}

async fn delete(path: Path, State(app): State<App>) -> Result<Json<BackupBody>, ApiError> {
    let gone = jobs(&app)?.delete(path.text("name")).await?;
    Ok(Json(BackupBody::from(&gone)))
}

async fn create(
    State(app): State<App>,
    Body(body): Body<NewBackupBody>,
) -> Result<Response, ApiError> {
    let wanted = Wanted {
        form: match body.kind {
            FormName::Archive => Form::Archive,
            FormName::Snapshot => Form::Snapshot,
            FormName::Export => Form::Export,
        },
        scope: scope(body.user_id, body.thread_id.as_deref())?,
        prefix: body.prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned()),
        verify: body.verify,
    };
    let job = jobs(&app)?.create(app.store.clone(), wanted)?;
    Ok(begun(&job))
}

/// Of whom.
fn scope(user: Option<String>, thread: Option<&str>) -> Result<Scope, ApiError> {
    let user = user.map(UserId::new).transpose();
    let user = user.map_err(|error| ApiError::invalid(format!("user_id: {error}")))?;
    match (user, thread) {
        (None, None) => Ok(Scope::Whole),
        (Some(user), None) => Ok(Scope::User(user)),
        (Some(user), Some(thread)) => Ok(Scope::Thread(ThreadKey {
            user,
            thread: thread_id(thread)?,
        })),
        (None, Some(_)) => Err(ApiError::invalid(
            "user_id: name the user whose thread it is",
        )),
    }
}

async fn prune(
    State(app): State<App>,
    Body(body): Body<PruneBody>,
) -> Result<Json<PrunedBody>, ApiError> {
    let jobs = jobs(&app)?;
    let mut rules = jobs.backups().keep_rules();
    rules.last = body.keep_last.unwrap_or(rules.last);
    rules.daily = body.keep_daily.unwrap_or(rules.daily);
    let prefix = body.prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
    let gone = jobs.prune(prefix, rules, body.dry_run).await?;
    let names = gone.iter().filter_map(|path| path.file_name());
    Ok(Json(PrunedBody {
        deleted: names
            .map(|name| name.to_string_lossy().into_owned())
            .collect(),
        dry_run: body.dry_run,
    }))
}

async fn download(path: Path, State(app): State<App>) -> Result<Response, ApiError> {
    let found = jobs(&app)?.find(path.text("name")).await?;
    let (bytes, file) = file::read(found.path).await?;
    // What a name may hold a header may not.
    let name = format!("attachment; filename*=UTF-8''{}", segment(&found.name));
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((headers, Bytes::from_stream(file)).into_response())
}

async fn verify(path: Path, State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    let job = jobs(&app)?.verify(path.text("name")).await?;
    Ok(begun(&job))
}

async fn restore(
    path: Path,
    State(app): State<App>,
    Body(body): Body<RestoreBody>,
) -> Result<Response, ApiError> {
    let jobs = jobs(&app)?;
    let restoring = jobs.restore(app.store.clone(), path.text("name"), body.with_erased);
    let job = restoring.await?;
    Ok(begun(&job))
}

async fn import(
    path: Path,
    State(app): State<App>,
    Body(body): Body<ImportBody>,
) -> Result<Response, ApiError> {
    let how = Import {
        on_conflict: match body.on_conflict {
            Policy::Skip => OnConflict::Skip,
            Policy::Replace => OnConflict::Replace,
            Policy::Newer => OnConflict::Newer,
            Policy::Copy => OnConflict::Copy,
        },
        dry_run: body.dry_run,
        with_erased: body.with_erased,
    };
    let jobs = jobs(&app)?;
    let importing = jobs.import(app.store.clone(), path.text("name"), how);
    let job = importing.await?;
    Ok(begun(&job))
}
