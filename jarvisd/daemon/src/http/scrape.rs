//! The metrics listener. It speaks OpenMetrics and says so: without the exact content type a scraper refuses it.

use std::{io, net::TcpListener, rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, ResponseError, dev::Server, http::header, middleware, web,
};

use super::{
    call::header_text,
    error::{ApiError, Kind},
    guard::{access_error, bearer},
    site::Site,
};
use crate::{access::Scope, metrics::Exposition};

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Scrapers are few; these are for whoever opens connections and says nothing, so that a scraper still gets one.
pub const CONNECTIONS_MAX: usize = 256;
/// A scraper asks as soon as it is connected.
const REQUEST_HEAD_WAIT: Duration = Duration::from_secs(1);

pub fn server(site: &Site, listener: TcpListener, connections_max: usize) -> io::Result<Server> {
    let exposition = Arc::new(Exposition::new(
        site.state.clone(),
        site.store.clone(),
        site.proxmox.clone(),
        Arc::clone(&site.meter),
        site.clock,
        site.build,
    ));
    let site = site.clone();
    Ok(HttpServer::new(move || {
        let (site, exposition) = (Rc::new(site.clone()), Arc::clone(&exposition));
        let resource = web::resource("/metrics")
            .route(
                web::get().to(move |req: HttpRequest| scrape(Rc::clone(&site), Arc::clone(&exposition), req)),
            )
            .default_service(web::to(|| {
                let error = ApiError::new(Kind::MethodNotAllowed, "metrics are only read: use GET");
                std::future::ready(error.header(header::ALLOW, "GET").error_response())
            }));
        App::new().wrap(middleware::Compress::default()).service(resource).default_service(web::to(|| {
            std::future::ready(ApiError::not_found("there is only /metrics here").error_response())
        }))
    })
    .workers(1)
    .max_connections(connections_max)
    .client_request_timeout(REQUEST_HEAD_WAIT)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run())
}

async fn scrape(
    site: Rc<Site>,
    exposition: Arc<Exposition>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    // A page in a browser must not read this through a name it made up.
    let host = header_text(&req, &header::HOST).unwrap_or_default();
    if !site.doors.scraper_host(host) || req.headers().contains_key(header::ORIGIN) {
        return Err(ApiError::new(
            Kind::ForbiddenHost,
            "this host name is not one of ours; scrape by address",
        ));
    }
    if site.config.metrics.token_required {
        authorise(&site, &req).await?;
    }
    let text = exposition.text().await.map_err(|e| ApiError::internal("writing the metrics", &e))?;
    Ok(HttpResponse::Ok().insert_header((header::CONTENT_TYPE, CONTENT_TYPE)).body(text))
}

async fn authorise(site: &Site, req: &HttpRequest) -> Result<(), ApiError> {
    let secret = header_text(req, &header::AUTHORIZATION).and_then(bearer);
    let token = match secret {
        Some(secret) => site.keeper.token(&secret).await.map_err(access_error)?,
        None => None,
    };
    match token {
        Some(token) if token.scopes.has(Scope::Metrics) => Ok(()),
        Some(_) => {
            Err(ApiError::new(Kind::Forbidden, "this token has no scope `metrics`; make one that has"))
        }
        None => {
            let message = "send an API token with scope `metrics` as `Authorization: Bearer jv_…`";
            Err(ApiError::new(Kind::Unauthenticated, message))
        }
    }
}
