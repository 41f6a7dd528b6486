//! What a row of the route table says.

use actix_web::{HttpResponse, http::Method};
use futures_util::future::LocalBoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{
    call::Call,
    error::{ApiError, Kind},
};
use crate::access::Scope;

pub type Handler = fn(Call) -> LocalBoxFuture<'static, Result<HttpResponse, ApiError>>;
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anyone.
    Open,
    /// A session, or a token with this scope.
    Scope(Scope),
    /// A session, or a token with one of these; which one a call takes depends on what it asks for.
    AnyScope(&'static [Scope]),
    /// A person's session; no token reaches it.
    Session,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Post => Method::POST,
            Self::Put => Method::PUT,
            Self::Delete => Method::DELETE,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One good answer of a route.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    pub about: &'static str,
    pub schema: Option<SchemaOf>,
}

#[derive(Debug, Clone, Copy)]
pub struct Route {
    pub verb: Verb,
    pub path: &'static str,
    pub need: Need,
    /// The log-in must be a recent one.
    pub fresh: bool,
    /// Not when the query has this pair: it goes on with what a fresh log-in began, which the handler checks.
    pub fresh_unless: Option<&'static str>,
    /// Title of the line in the activity feed when it succeeded.
    pub audit: Option<&'static str>,
    pub about: &'static str,
    pub query: Option<SchemaOf>,
    pub body: Option<SchemaOf>,
    /// Whether a cursor continues it.
    pub pages: bool,
    pub answers: &'static [Answer],
    /// Errors of its own, besides those the guard gives.
    pub fails: &'static [Kind],
    /// Where the document lists it, when OpenAPI has no words for it: `x-websockets`.
    pub protocol: Option<&'static str>,
    pub handle: Handler,
}

/// A schema that is kept under its name and referred to.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A schema that is written out, for its properties to become query parameters.
pub fn query_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

impl Route {
    const fn new(verb: Verb, path: &'static str, about: &'static str, handle: Handler) -> Self {
        Self {
            verb,
            path,
            need: Need::Open,
            fresh: false,
            fresh_unless: None,
            audit: None,
            about,
            query: None,
            body: None,
            pages: false,
            answers: &[],
            fails: &[],
            protocol: None,
            handle,
        }
    }

    pub const fn get(path: &'static str, about: &'static str, handle: Handler) -> Self {
        Self::new(Verb::Get, path, about, handle)
    }

    pub const fn post(path: &'static str, about: &'static str, handle: Handler) -> Self {
        Self::new(Verb::Post, path, about, handle)
    }

    pub const fn put(path: &'static str, about: &'static str, handle: Handler) -> Self {
        Self::new(Verb::Put, path, about, handle)
    }

    pub const fn delete(path: &'static str, about: &'static str, handle: Handler) -> Self {
        Self::new(Verb::Delete, path, about, handle)
    }

    pub const fn scope(mut self, scope: Scope) -> Self {
        self.need = Need::Scope(scope);
        self
    }

    pub const fn any_scope(mut self, scopes: &'static [Scope]) -> Self {
        self.need = Need::AnyScope(scopes);
        self
    }

    pub const fn session(mut self) -> Self {
        self.need = Need::Session;
        self
    }

    pub const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    pub const fn fresh_unless(mut self, pair: &'static str) -> Self {
        self.fresh_unless = Some(pair);
        self.fresh()
    }

    pub const fn audit(mut self, title: &'static str) -> Self {
        self.audit = Some(title);
        self
    }

    pub const fn query(mut self, schema: SchemaOf) -> Self {
        self.query = Some(schema);
        self
    }

    /// A list whose query has a cursor.
    pub const fn pages(mut self, query: SchemaOf) -> Self {
        self.pages = true;
        self.query(query)
    }

    pub const fn body(mut self, schema: SchemaOf) -> Self {
        self.body = Some(schema);
        self
    }

    pub const fn answers(mut self, answers: &'static [Answer]) -> Self {
        self.answers = answers;
        self
    }

    pub const fn fails(mut self, kinds: &'static [Kind]) -> Self {
        self.fails = kinds;
        self
    }

    /// It speaks a protocol of its own, which the document lists apart.
    pub const fn speaks(mut self, protocol: &'static str) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Whether this request needs a recent log-in.
    pub fn needs_fresh(&self, query: &str) -> bool {
        self.fresh && !self.fresh_unless.is_some_and(|pair| query.split('&').any(|q| q == pair))
    }

    /// Names of the parameters in the path.
    pub fn params(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
    }

    /// Every kind of error this route can answer with: its own and the guard's.
    pub fn errors(&self) -> Vec<Kind> {
        let mut kinds = vec![
            Kind::BadRequest,
            Kind::TokenInUrl,
            Kind::ForbiddenHost,
            Kind::TooMany,
            Kind::Internal,
            Kind::Unavailable,
        ];
        if self.verb != Verb::Get {
            kinds.push(Kind::ForbiddenOrigin);
        }
        if self.need != Need::Open {
            kinds.extend([Kind::Unauthenticated, Kind::Forbidden]);
        }
        if self.need == Need::Session {
            kinds.push(Kind::SessionNeeded);
        }
        if self.fresh {
            kinds.push(Kind::FreshLoginNeeded);
        }
        if self.body.is_some() {
            kinds.extend([Kind::TooLarge, Kind::UnsupportedMediaType, Kind::Invalid]);
        }
        // A path parameter or a cursor may name what is not there.
        if self.params().next().is_some() || self.pages {
            kinds.push(Kind::NotFound);
        }
        kinds.extend(self.fails);
        kinds
    }
}
