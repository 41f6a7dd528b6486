//! The one table of routes. It registers the handlers, it is the OpenAPI document, and the tests walk it.
//! What is not listed is 404.

use std::rc::Rc;

use actix_web::{HttpRequest, guard::Guard as _, http::header, web};
use jarvis_core::protocol::acting::PolicyView;

use super::{
    account, acting, approvals, audit, cluster,
    error::{ApiError, ErrorBody, Kind},
    guard, health, mcp, past,
    route::{Answer, Route, SchemaOf, Verb, of, query_of},
    site::Site,
    standing, stream, tasks, terminal, tokens, tools, views,
};
use crate::access::Scope;

/// A handler that has its answer in memory.
macro_rules! at_once {
    ($handler:path) => {
        |call| Box::pin(std::future::ready($handler(&call)))
    };
}

/// A handler that waits for the store or for Proxmox.
macro_rules! awaited {
    ($handler:path) => {
        |call| Box::pin($handler(call))
    };
}

const fn ok(about: &'static str, schema: SchemaOf) -> Answer {
    Answer { status: 200, about, schema: Some(schema) }
}

const DONE: Answer = Answer { status: 204, about: "Done.", schema: None };

/// Which of the two a call takes is decided by the tool's tier.
const READ_OR_ACT: &[Scope] = &[Scope::Read, Scope::Act];

/// Kinds of a route that looks at a password.
const AT_THE_DOOR: &[Kind] = &[Kind::BadCredentials, Kind::LockedOut];

pub static ROUTES: &[Route] = &[
    Route::get("/healthz", "Whether the process answers.", at_once!(health::alive))
        .answers(&[ok("It does.", of::<health::Alive>)]),
    Route::get("/readyz", "Whether the daemon can do its work, and why not.", at_once!(health::ready))
        .answers(&[
            ok("Ready.", of::<health::Ready>),
            Answer {
                status: 503,
                about: "Not ready; the reasons say why.",
                schema: Some(of::<health::Ready>),
            },
        ]),
    Route::get("/api/v1/openapi.json", "This document.", at_once!(health::openapi)).answers(&[Answer {
        status: 200,
        about: "OpenAPI 3.1.",
        schema: Some(any_object),
    }]),
    Route::post(
        "/api/v1/setup",
        "First run: makes the operator with the one-time token.",
        awaited!(account::set_up),
    )
    .audit("Jarvis was set up")
    .body(of::<account::SetUp>)
    .answers(&[ok("Set up and logged in; the session is in the cookie.", of::<account::SessionView>)])
    .fails(&[Kind::BadCredentials, Kind::LockedOut, Kind::Conflict]),
    Route::post(
        "/api/v1/login",
        "Logs in; over a living session it is a fresh log-in.",
        awaited!(account::log_in),
    )
    .audit("Somebody logged in")
    .body(of::<account::LogIn>)
    .answers(&[ok("Logged in; the session is in the cookie.", of::<account::SessionView>)])
    .fails(AT_THE_DOOR),
    Route::post("/api/v1/logout", "Ends the session.", awaited!(account::log_out)).session().answers(&[DONE]),
    Route::get("/api/v1/session", "Who is logged in, and for how long.", at_once!(account::session))
        .session()
        .answers(&[ok("The session.", of::<account::SessionView>)]),
    Route::post(
        "/api/v1/password",
        "Changes the password and ends every session.",
        awaited!(account::password),
    )
    .session()
    .audit("The password was changed")
    .body(of::<account::NewPassword>)
    .answers(&[DONE])
    .fails(AT_THE_DOOR),
    Route::get("/api/v1/tokens", "The API tokens that are good.", awaited!(tokens::list))
        .session()
        .fresh()
        .answers(&[ok("The tokens, newest first, without their secrets.", of::<tokens::TokenList>)]),
    Route::post("/api/v1/tokens", "Makes an API token.", awaited!(tokens::create))
        .session()
        .fresh()
        .audit("An API token was made")
        .body(of::<tokens::NewToken>)
        .answers(&[Answer {
            status: 201,
            about: "Made; the secret is shown this once.",
            schema: Some(of::<tokens::MadeToken>),
        }]),
    Route::delete("/api/v1/tokens/{id}", "Revokes an API token at once.", awaited!(tokens::revoke))
        .session()
        .fresh()
        .audit("An API token was revoked")
        .answers(&[DONE]),
    Route::get(
        "/api/v1/cluster",
        "The whole state, with its place on the stream and the age of every record.",
        at_once!(cluster::whole),
    )
    .scope(Scope::Read)
    .answers(&[ok("The state.", of::<cluster::Whole>)]),
    Route::get("/api/v1/nodes", "The nodes.", at_once!(cluster::nodes))
        .scope(Scope::Read)
        .pages(query_of::<cluster::NodesQuery>)
        .answers(&[ok("A page of nodes.", of::<cluster::List<views::NodeView>>)]),
    Route::get("/api/v1/nodes/{node}", "One node.", at_once!(cluster::node))
        .scope(Scope::Read)
        .answers(&[ok("The node.", of::<views::NodeView>)]),
    Route::get("/api/v1/guests", "VMs and containers.", at_once!(cluster::guests))
        .scope(Scope::Read)
        .pages(query_of::<cluster::GuestsQuery>)
        .answers(&[ok("A page of guests.", of::<cluster::List<views::GuestView>>)]),
    Route::get("/api/v1/guests/{vmid}", "One guest.", at_once!(cluster::guest))
        .scope(Scope::Read)
        .answers(&[ok("The guest.", of::<views::GuestView>)]),
    Route::get("/api/v1/storages", "Storages, each as every node sees it.", at_once!(cluster::storages))
        .scope(Scope::Read)
        .pages(query_of::<cluster::StoragesQuery>)
        .answers(&[ok("A page of storages.", of::<cluster::List<views::StorageView>>)]),
    Route::get("/api/v1/tasks", "Recent tasks of the cluster.", at_once!(tasks::list))
        .scope(Scope::Read)
        .pages(query_of::<tasks::TasksQuery>)
        .answers(&[ok("A page of tasks.", of::<cluster::List<views::TaskView>>)]),
    Route::get("/api/v1/tasks/{upid}", "One task.", at_once!(tasks::one))
        .scope(Scope::Read)
        .answers(&[ok("The task.", of::<views::TaskView>)]),
    Route::get(
        "/api/v1/tasks/{upid}/log",
        "The log of a task, read from its node now.",
        awaited!(tasks::log),
    )
    .scope(Scope::Read)
    .query(query_of::<tasks::LogQuery>)
    .answers(&[ok("A page of lines.", of::<tasks::TaskLog>)])
    .fails(&[Kind::Upstream]),
    Route::get(
        "/api/v1/history",
        "A figure over time, with min, mean and max per bucket.",
        awaited!(past::history),
    )
    .scope(Scope::Read)
    .query(query_of::<past::HistoryQuery>)
    .answers(&[ok("The buckets.", of::<past::HistoryView>)]),
    Route::get("/api/v1/events", "The activity feed, newest first.", awaited!(past::events))
        .scope(Scope::Read)
        .pages(query_of::<past::EventsQuery>)
        .answers(&[ok("A page of events.", of::<past::EventList>)]),
    Route::get("/api/v1/widget", "A flat summary for other dashboards.", at_once!(health::widget))
        .scope(Scope::Read)
        .answers(&[ok("The summary.", of::<health::Widget>)]),
    Route::get("/api/v1/tools", "Every tool there is.", at_once!(tools::list))
        .any_scope(READ_OR_ACT)
        .answers(&[ok("The catalogue.", of::<tools::Catalogue>)]),
    Route::post(
        "/api/v1/tools/{tool}",
        "Calls a tool, or tells what the call would do.",
        awaited!(tools::run),
    )
    .any_scope(READ_OR_ACT)
    .body(of::<tools::ToolCall>)
    .answers(&[
        ok("The answer of a read, a plan, or a change that worked.", of::<tools::Told>),
        Answer {
            status: 202,
            about: "A person must decide first, or the change is still under way.",
            schema: Some(of::<tools::Told>),
        },
    ])
    .fails(&[
        Kind::Refused,
        Kind::Black,
        Kind::NotConfigured,
        Kind::Upstream,
        Kind::ActionFailed,
        Kind::ActionUnknown,
    ]),
    Route::get("/api/v1/actions", "Changes that were begun, newest first.", awaited!(tools::actions))
        .scope(Scope::Read)
        .query(query_of::<tools::ActionsQuery>)
        .answers(&[ok("The last actions.", of::<tools::Actions>)]),
    Route::get("/api/v1/actions/{record}", "What became of a change.", awaited!(tools::action))
        .any_scope(READ_OR_ACT)
        .answers(&[ok("The action.", of::<acting::ActionTold>)]),
    Route::post(
        "/api/v1/actions/{record}/take-back",
        "Takes a change that waits in line out of it: a person any, a token what it asked for.",
        awaited!(tools::take_back),
    )
    .scope(Scope::Act)
    .answers(&[ok("Taken back; nothing was sent.", of::<acting::ActionTold>)])
    .fails(&[Kind::Conflict]),
    Route::get(
        "/api/v1/approvals",
        "What waits for a decision, and what was decided lately.",
        awaited!(approvals::list),
    )
    .session()
    .answers(&[ok("The approvals, newest first.", of::<approvals::Approvals>)]),
    Route::get(
        "/api/v1/approvals/{record}",
        "One approval, for whoever waits for it.",
        awaited!(approvals::one),
    )
    .any_scope(READ_OR_ACT)
    .answers(&[ok("The approval.", of::<acting::ApprovalTold>)]),
    Route::post(
        "/api/v1/approvals/{record}",
        "A person's decision; an approved action begins at once.",
        awaited!(approvals::decide),
    )
    .session()
    .body(of::<approvals::Decision>)
    .answers(&[ok("Decided.", of::<acting::ApprovalTold>)])
    .fails(&[Kind::Conflict]),
    Route::post(
        "/api/v1/approvals/{record}/extend",
        "Gives a pending approval its full time again.",
        awaited!(approvals::extend),
    )
    .session()
    .answers(&[ok("Extended.", of::<acting::ApprovalTold>)])
    .fails(&[Kind::Conflict]),
    Route::get(
        "/api/v1/kill-switch",
        "Whether anything but reads may leave.",
        awaited!(standing::kill_switch),
    )
    .scope(Scope::Read)
    .answers(&[ok("The switch.", of::<acting::KillTold>)]),
    Route::put("/api/v1/kill-switch", "Throws or releases the kill switch.", awaited!(standing::throw))
        .session()
        .body(of::<standing::Switch>)
        .answers(&[ok("The switch as it is now.", of::<acting::KillTold>)])
        .fails(&[Kind::FreshLoginNeeded]),
    Route::get("/api/v1/autonomy", "How much is done without asking.", awaited!(standing::autonomy))
        .scope(Scope::Read)
        .answers(&[ok("Level, windows, forecasts.", of::<acting::AutonomyTold>)]),
    Route::put("/api/v1/autonomy", "Sets the level.", awaited!(standing::set_level))
        .session()
        .body(of::<standing::NewLevel>)
        .answers(&[ok("The level as it is now.", of::<acting::AutonomyTold>)])
        .fails(&[Kind::FreshLoginNeeded]),
    Route::post(
        "/api/v1/policy/reload",
        "Reads the policy of the settings again; what loosens anything needs a fresh log-in.",
        awaited!(standing::reload),
    )
    .session()
    .answers(&[ok("What became of it.", of::<PolicyView>)])
    .fails(&[Kind::FreshLoginNeeded, Kind::Invalid]),
    Route::get("/api/v1/audit", "What was decided, done and refused, as recorded.", awaited!(audit::list))
        .scope(Scope::Read)
        .pages(query_of::<audit::AuditQuery>)
        .answers(&[ok("Rows of the chain, newest first.", of::<audit::AuditList>)]),
    Route::get("/api/v1/terminals", "Where a person can open a shell.", at_once!(terminal::list))
        .session()
        .answers(&[ok("The nodes, and what holds for their shells.", of::<terminal::TerminalsView>)]),
    Route::get("/ws/terminal/{node}", "A person's own shell on a node (WebSocket).", |c| {
        Box::pin(std::future::ready(terminal::open(c)))
    })
    .session()
    .fresh_unless(terminal::RESUMES)
    .query(query_of::<terminal::TerminalQuery>)
    .answers(&[Answer { status: 101, about: "The terminal begins.", schema: None }])
    .fails(&[Kind::UpgradeNeeded, Kind::ForbiddenOrigin])
    .speaks("x-websockets"),
    Route::get("/ws", "The stream of state and events (WebSocket).", |c| {
        Box::pin(std::future::ready(stream::open(c)))
    })
    .scope(Scope::Read)
    .query(query_of::<stream::StreamQuery>)
    .answers(&[Answer { status: 101, about: "The stream begins.", schema: None }])
    .fails(&[Kind::UpgradeNeeded, Kind::ForbiddenOrigin])
    .speaks("x-websockets"),
    Route::post(
        "/mcp",
        "The tools, for clients of the Model Context Protocol (streamable HTTP).",
        awaited!(mcp::post),
    )
    .scope(Scope::Mcp)
    .query(query_of::<mcp::McpQuery>)
    .body(any_object)
    .answers(&[ok("An answer of JSON-RPC.", any_object)])
    .speaks("x-mcp"),
];

/// The label of requests that match no route.
pub const UNLISTED: &str = "unlisted";

/// The template a request matched, from the table: labels never come from a client.
pub fn template(pattern: Option<&str>) -> &'static str {
    ROUTES.iter().find(|r| Some(r.path) == pattern).map_or(UNLISTED, |r| r.path)
}

/// Puts the table to work.
pub fn register(config: &mut web::ServiceConfig, site: &Rc<Site>) {
    let mut paths: Vec<&'static str> = ROUTES.iter().map(|r| r.path).collect();
    paths.dedup();
    for path in paths {
        let mut resource = web::resource(path);
        for route in ROUTES.iter().filter(|r| r.path == path) {
            let site = Rc::clone(site);
            let verb = route.verb;
            // What may be got may be asked for without its body.
            let guard = actix_web::guard::fn_guard(move |ctx| {
                let head = verb == Verb::Get && actix_web::guard::Head().check(ctx);
                head || ctx.head().method == verb.method()
            });
            resource = resource.route(web::route().guard(guard).to(
                move |req: HttpRequest, payload: web::Payload| {
                    guard::answer(route, Rc::clone(&site), req, payload)
                },
            ));
        }
        let allow = allow(path);
        config.service(resource.default_service(web::to(move || std::future::ready(wrong_method(&allow)))));
    }
    config.default_service(web::to(|| std::future::ready(unlisted())));
}

/// The methods of a path, for `Allow`.
fn allow(path: &str) -> String {
    let verbs = ROUTES.iter().filter(|r| r.path == path).map(|r| r.verb);
    let words: Vec<&str> =
        verbs.flat_map(|v| if v == Verb::Get { vec!["GET", "HEAD"] } else { vec![v.as_str()] }).collect();
    words.join(", ")
}

fn wrong_method(allow: &str) -> Result<&'static str, ApiError> {
    let message = format!("this method does not exist here; use {allow}");
    Err(ApiError::new(Kind::MethodNotAllowed, message).header(header::ALLOW, allow))
}

fn unlisted() -> Result<&'static str, ApiError> {
    Err(ApiError::not_found("there is nothing under this path; /api/v1/openapi.json lists what there is"))
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object" })
}

/// The schema of every error.
pub const ERROR_SCHEMA: SchemaOf = of::<ErrorBody>;
