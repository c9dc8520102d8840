//! The description of one route.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::schemas::{Schemas, Shape};
use crate::routes::Rule;

/// What one route reads and writes.
pub(super) struct Doc {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    tag: &'static str,
    summary: &'static str,
    query: Vec<(&'static str, &'static str, &'static str)>,
    body: Option<Shape>,
    status: u16,
    answer: Answer,
}

/// What a route answers when all is well.
enum Answer {
    Nothing,
    Json(Shape),
    Any(&'static str),
    Events,
    Text(&'static str),
}

impl Doc {
    pub(super) fn new(
        method: &'static str,
        path: &'static str,
        tag: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            tag,
            summary,
            query: Vec::new(),
            body: None,
            status: 200,
            answer: Answer::Any("A JSON document."),
        }
    }

    /// A parameter of the query: name, JSON type and what it is for.
    pub(super) fn query(
        mut self,
        name: &'static str,
        kind: &'static str,
        about: &'static str,
    ) -> Self {
        self.query.push((name, kind, about));
        self
    }

    /// `limit` and `offset`.
    pub(super) fn paged(self) -> Self {
        self.query("limit", "integer", "At most so many; at most 1,000.")
            .query("offset", "integer", "Skip so many.")
    }

    /// Reads this.
    pub(super) fn reads<T: ToSchema>(mut self) -> Self {
        self.body = Some(Shape::of::<T>());
        self
    }

    /// Reads a list of these.
    pub(super) fn reads_many<T: ToSchema>(mut self) -> Self {
        self.body = Some(Shape::many::<T>());
        self
    }

    /// Answers with this.
    pub(super) fn gives<T: ToSchema>(mut self) -> Self {
        self.answer = Answer::Json(Shape::of::<T>());
        self
    }

    /// Answers with a list of these.
    pub(super) fn gives_many<T: ToSchema>(mut self) -> Self {
        self.answer = Answer::Json(Shape::many::<T>());
        self
    }

    /// Answers with JSON that has no type of its own.
    pub(super) fn gives_any(mut self, about: &'static str) -> Self {
        self.answer = Answer::Any(about);
        self
    }

    /// Answers with a stream of server-sent events.
    pub(super) fn streams(mut self) -> Self {
        self.answer = Answer::Events;
        self
    }

    /// Answers with text of this media type.
    pub(super) fn text(mut self, media: &'static str) -> Self {
        self.answer = Answer::Text(media);
        self
    }

    /// Answers with this status.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Answers with a status and nothing else.
    pub(super) fn nothing(mut self, status: u16) -> Self {
        self.status = status;
        self.answer = Answer::Nothing;
        self
    }

    /// The operation object.
    pub(super) fn operation(&self, rule: Rule, schemas: &mut Schemas) -> Value {
        let mut operation = Map::new();
        operation.insert("operationId".into(), self.id().into());
        operation.insert("tags".into(), json!([self.tag]));
        operation.insert("summary".into(), self.summary.into());
        if let Some(needs) = needs(rule) {
            operation.insert("description".into(), needs.into());
        }
        let parameters = self.parameters(rule);
        if !parameters.is_empty() {
            operation.insert("parameters".into(), parameters.into());
        }
        if let Some(body) = self.body {
            let schema = body.schema(schemas);
            let content = json!({"application/json": {"schema": schema}});
            let body = json!({"required": true, "content": content});
            operation.insert("requestBody".into(), body);
        }
        let error = json!({"$ref": "#/components/schemas/Error"});
        let responses = json!({
            self.status.to_string(): self.answered(schemas),
            "default": {
                "description": "What went wrong.",
                "content": {"application/json": {"schema": error}},
            },
        });
        operation.insert("responses".into(), responses);
        let security = match rule {
            Rule::Public => json!([]),
            _ => json!([{"key": []}, {"bearer": []}, {}]),
        };
        operation.insert("security".into(), security);
        operation.into()
    }

    fn id(&self) -> String {
        let words = self.path.split(['/', '.', '{', '}', '_']);
        let words = words.filter(|word| !word.is_empty());
        let path: Vec<&str> = words.collect();
        format!("{}_{}", self.method.to_lowercase(), path.join("_"))
            .trim_end_matches('_')
            .to_owned()
    }

    fn parameters(&self, rule: Rule) -> Vec<Value> {
        let in_path = self.path.split('/').filter_map(|part| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            let schema = json!({"type": "string"});
            Some(json!({"name": name, "in": "path", "required": true, "schema": schema}))
        });
        let in_query = self.query.iter().map(|(name, kind, about)| {
            let schema = match *kind {
                "array" => json!({"type": "array", "items": {"type": "string"}}),
                kind => json!({"type": kind}),
            };
            json!({"name": name, "in": "query", "description": about, "schema": schema})
        });
        let named = (rule != Rule::Public).then(|| {
            json!({
                "name": "X-Everthread-User", "in": "header", "schema": {"type": "string"},
                "description": "The user, named by a key with the role service or admin.",
            })
        });
        in_path.chain(in_query).chain(named).collect()
    }

    fn answered(&self, schemas: &mut Schemas) -> Value {
        let content = |media: &str, schema: Value| json!({media: {"schema": schema}});
        match &self.answer {
            Answer::Nothing => json!({"description": "Done."}),
            Answer::Json(shape) => json!({
                "description": "Done.",
                "content": content("application/json", shape.schema(schemas)),
            }),
            Answer::Any(about) => json!({
                "description": about,
                "content": content("application/json", json!({})),
            }),
            Answer::Events => json!({
                "description": "A stream of events; an `error` event where the run fails.",
                "content": content("text/event-stream", json!({"type": "string"})),
            }),
            Answer::Text(media) => json!({
                "description": "Text.",
                "content": content(media, json!({"type": "string"})),
            }),
        }
    }
}

/// Who may call it, in words.
fn needs(rule: Rule) -> Option<&'static str> {
    match rule {
        Rule::Public => Some("Needs no key."),
        Rule::Own | Rule::Shared => None,
        Rule::Manage => Some("Needs the role `service` or `admin`."),
        Rule::Admin => Some("Needs the role `admin`."),
    }
}
