//! The OpenAPI 3.1 document, made from the route table and the types it names.

use std::collections::BTreeMap;

use jarvis_core::{
    cluster::{NodeName, Upid, Vmid},
    tools::{ALL, words::RecordId},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value, json};

use super::{
    error::Kind,
    route::{Need, Route},
    routes::{ERROR_SCHEMA, ROUTES},
};
use crate::access::cookie;

/// Writes the document.
pub fn document(build: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|s| {
        s.definitions_path = "/components/schemas".into();
        s.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = ERROR_SCHEMA(&mut generator).to_value();
    let (mut paths, mut others): (Map<String, Value>, Map<String, Value>) = Default::default();
    for route in ROUTES {
        let operation = operation(route, &mut generator, &error);
        // OpenAPI knows no WebSockets; as a plain operation it would promise an answer it never gives.
        let table = match route.protocol {
            None => Some(&mut paths),
            Some(name) => others.entry(name).or_insert_with(|| json!({})).as_object_mut(),
        };
        let Some(table) = table else { continue };
        let path = table.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.verb.as_str().to_ascii_lowercase(), operation);
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jarvis",
            "version": build,
            "description": "State, history and events of a Proxmox cluster. Times are RFC 3339 in UTC, sizes bytes, \
                            ratios 0..1. Every error has the same shape.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "session": { "type": "apiKey", "in": "cookie", "name": cookie::NAME },
                "token": { "type": "http", "scheme": "bearer", "description": "An API token, `jv_…`" },
            },
        },
    });
    if let Some(document) = document.as_object_mut() {
        document.extend(others);
    }
    document
}

fn operation(route: &Route, generator: &mut SchemaGenerator, error: &Value) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "parameters": parameters(route, generator),
        "responses": responses(route, generator, error),
        "security": security(route.need),
    });
    let Some(object) = operation.as_object_mut() else { return operation };
    if let Some(body) = route.body {
        let schema = body(generator).to_value();
        let content = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        object.insert("requestBody".into(), content);
    }
    let scopes = match route.need {
        Need::Scope(scope) => vec![scope.as_str()],
        Need::AnyScope(scopes) => scopes.iter().map(|s| s.as_str()).collect(),
        Need::Open | Need::Session => Vec::new(),
    };
    if !scopes.is_empty() {
        object.insert("x-jarvis-scope".into(), scopes.join("|").into());
    }
    if route.fresh {
        object.insert("x-jarvis-fresh-login".into(), true.into());
    }
    operation
}

/// `get_api_v1_nodes_node`
fn operation_id(route: &Route) -> String {
    let words = route.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let mut id = route.verb.as_str().to_ascii_lowercase();
    for word in words {
        id.push('_');
        id.push_str(word);
    }
    id
}

fn security(need: Need) -> Value {
    match need {
        Need::Open => json!([]),
        Need::Session => json!([{ "session": [] }]),
        Need::Scope(_) | Need::AnyScope(_) => json!([{ "session": [] }, { "token": [] }]),
    }
}

fn parameters(route: &Route, generator: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters: Vec<Value> = route
        .params()
        .map(|name| {
            let schema = match name {
                "node" => NodeName::json_schema(generator),
                "vmid" => Vmid::json_schema(generator),
                "upid" => Upid::json_schema(generator),
                "tool" => {
                    json_schema!({ "type": "string", "enum": ALL.iter().map(|t| t.name).collect::<Vec<_>>() })
                }
                "record" => RecordId::json_schema(generator),
                _ => i64::json_schema(generator),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    let Some(query) = route.query else { return parameters };
    let schema = query(generator).to_value();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let mut property = without_null(property.clone());
        let about = property.as_object_mut().and_then(|p| p.remove("description"));
        let mut parameter = json!({ "name": name, "in": "query", "required": required.contains(&name.as_str()), "schema": property });
        if let Some(parameter) = parameter.as_object_mut() {
            parameter.extend(about.map(|about| ("description".to_owned(), about)));
            if parameter.get("schema").and_then(|s| s.get("type")).is_some_and(|t| t == "array") {
                // `a,b`, not `x=a&x=b`.
                parameter.insert("style".into(), "form".into());
                parameter.insert("explode".into(), false.into());
            }
        }
        parameters.push(parameter);
    }
    parameters
}

/// A query has no null: what is optional is left out.
fn without_null(mut schema: Value) -> Value {
    let Some(object) = schema.as_object_mut() else { return schema };
    object.remove("default");
    if let Some(Value::Array(types)) = object.get("type") {
        let kept: Vec<Value> = types.iter().filter(|t| *t != "null").cloned().collect();
        if let [only] = kept.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(variants)) = object.remove("anyOf") {
        let kept: Vec<Value> =
            variants.into_iter().filter(|v| v.get("type").is_none_or(|t| t != "null")).collect();
        if let [Value::Object(only)] = kept.as_slice() {
            object.extend(only.clone());
        } else {
            object.insert("anyOf".into(), kept.into());
        }
    }
    schema
}

fn responses(route: &Route, generator: &mut SchemaGenerator, error: &Value) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in route.answers {
        let mut response = json!({ "description": answer.about });
        if let (Some(schema), Some(object)) = (answer.schema, response.as_object_mut()) {
            let schema = schema(generator).to_value();
            object.insert("content".into(), json!({ "application/json": { "schema": schema } }));
        }
        responses.insert(answer.status.to_string(), response);
    }
    let mut kinds: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in route.errors() {
        let word =
            serde_json::to_value(kind).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let words = kinds.entry(Kind::status(kind).as_u16()).or_default();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    for (status, words) in kinds {
        let response = json!({
            "description": format!("Kinds: {}.", words.join(", ")),
            "content": { "application/json": { "schema": error } },
        });
        // `/readyz` has its own 503, but the guard may answer with one too.
        responses.entry(status.to_string()).and_modify(|own| also(own, error)).or_insert(response);
    }
    json!(responses)
}

/// Lets a response be its own schema or the error.
fn also(own: &mut Value, error: &Value) {
    if let Some(schema) = own.pointer_mut("/content/application~1json/schema") {
        *schema = json!({ "anyOf": [schema.clone(), error] });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_somewhere_and_ids_are_unique() {
        let document = document("1.0.0");
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
        }
        let mut ids: Vec<&str> =
            text.split("\"operationId\":\"").skip(1).filter_map(|r| r.split('"').next()).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), count), (ROUTES.len(), ROUTES.len()));
    }

    #[test]
    fn query_parameters_are_plain_and_lists_have_commas() {
        let document = document("1.0.0");
        let parameters = document.pointer("/paths/~1api~1v1~1events/get/parameters").unwrap();
        let find =
            |name: &str| parameters.as_array().unwrap().iter().find(|p| p["name"] == name).unwrap().clone();
        assert_eq!(find("severity")["explode"], false);
        assert_eq!(find("since")["schema"], json!({ "type": "string", "format": "date-time" }));
        assert_eq!(find("limit")["schema"]["maximum"], 500);
        assert!(!parameters.to_string().contains("null"), "{parameters}");
    }
}
