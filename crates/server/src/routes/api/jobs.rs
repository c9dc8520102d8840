//! `/api/jobs`: work that takes long, such as making a backup. It is in this process only, and the last ones are
//! remembered.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::backups::{ChangesBody, ImportedBody, MadeBody, VerifiedBody};
use crate::app::App;
use crate::backups::{Confirm, Job, JobKind, JobStatus, Jobs};
use crate::body::Body;
use crate::error::ApiError;
use crate::params::Path;
use crate::routes::{Routes, Rule};
use crate::times::iso;

/// The jobs of this process.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobList {
    /// The newest first.
    jobs: Vec<JobBody>,
}

/// One job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    job_id: String,
    kind: JobKind,
    status: JobStatus,
    /// The name of the backup that it is about; of one that is being made, once it is.
    backup: Option<String>,
    progress: ProgressBody,
    created_at: String,
    ended_at: Option<String>,
    /// The backup that it made.
    made: Option<MadeBody>,
    /// What verifying found.
    verified: Option<VerifiedBody>,
    /// What restoring everything changes.
    changes: Option<ChangesBody>,
    /// What importing or restoring a user or a thread took in, or would.
    imported: Option<ImportedBody>,
    /// The file of the storage that was there before a restore.
    safety_copy: Option<String>,
    /// While it waits: the text that confirms it.
    confirm: Option<String>,
    /// Why it failed.
    error: Option<FailedBody>,
}

/// How far the work at hand has come.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    /// Rows, pages, bytes or steps, as the work has them.
    done: u64,
    /// In all; `null` where nobody knows.
    all: Option<u64>,
}

/// Why a job failed: as the request would have been answered that had waited for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedBody {
    detail: String,
    code: &'static str,
}

/// That a job is to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmBody {
    /// What the job shows as `confirm`.
    confirm: String,
}

impl From<&Job> for JobBody {
    fn from(job: &Job) -> Self {
        let (status, told, confirm) = job.look();
        let (done, all) = job.progress();
        Self {
            job_id: job.id.to_string(),
            kind: job.kind,
            status,
            backup: told.backup,
            progress: ProgressBody {
                done,
                all: (all > 0).then_some(all),
            },
            created_at: iso(job.created_ms),
            ended_at: told.ended_ms.map(iso),
            made: told.made.as_ref().map(MadeBody::from),
            verified: told.verified.as_ref().map(VerifiedBody::from),
            changes: told.changes.as_ref().map(ChangesBody::from),
            imported: told.imported.as_ref().map(ImportedBody::from),
            safety_copy: told.safety_copy,
            confirm,
            error: told.error.map(|error| FailedBody {
                detail: error.detail().to_owned(),
                code: error.code(),
            }),
        }
    }
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .route(Method::GET, "/api/jobs", Rule::Admin, list)
        .route(Method::GET, "/api/jobs/{job_id}", Rule::Admin, get)
        .route(Method::DELETE, "/api/jobs/{job_id}", Rule::Admin, cancel)
        .route(
            Method::POST,
            "/api/jobs/{job_id}/confirm",
            Rule::Admin,
            confirm,
        )
}

/// The jobs.
///
/// # Errors
/// 404 where no backups are made.
pub(super) fn jobs(app: &App) -> Result<&Arc<Jobs>, ApiError> {
    app.jobs.as_ref().ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no_backups",
            "this server has no folder for backups",
        )
    })
}

/// Says that a job has begun, and where it is looked at.
pub(super) fn begun(job: &Job) -> Response {
    let place = format!("/api/jobs/{}", job.id);
    let headers = [(header::LOCATION, place)];
    (StatusCode::ACCEPTED, headers, Json(JobBody::from(job))).into_response()
}

async fn list(State(app): State<App>) -> Result<Json<JobList>, ApiError> {
    let all = jobs(&app)?.all();
    Ok(Json(JobList {
        jobs: all.iter().map(|job| JobBody::from(&**job)).collect(),
    }))
}

async fn get(path: Path, State(app): State<App>) -> Result<Json<JobBody>, ApiError> {
    let job = jobs(&app)?.get(path.text("job_id"))?;
    Ok(Json(JobBody::from(&*job)))
}

/// Breaks it off; forgets one that is over.
async fn cancel(path: Path, State(app): State<App>) -> Result<Json<JobBody>, ApiError> {
    let jobs = jobs(&app)?;
    let job = jobs.get(path.text("job_id"))?;
    jobs.cancel(&job).await?;
    Ok(Json(JobBody::from(&*job)))
}

async fn confirm(
    path: Path,
    State(app): State<App>,
    Body(body): Body<ConfirmBody>,
) -> Result<Response, ApiError> {
    let job = jobs(&app)?.get(path.text("job_id"))?;
    job.confirm(&Confirm(&body.confirm))?;
    Ok(begun(&job))
}
