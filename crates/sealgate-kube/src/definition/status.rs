//! `status`: what the gateway made of an object.

use schemars::JsonSchema;

use super::mcp_route::ParentReference;

/// The status of a route.
#[derive(JsonSchema)]
pub struct McpRouteStatus {
    /// The route as a whole. `Accepted` or `NotAccepted` stands last.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Option<Vec<Condition>>,
    /// The route at each Gateway that it names.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    pub parents: Option<Vec<ParentStatus>>,
}

/// The status of an object.
#[derive(JsonSchema)]
pub struct Status {
    /// What holds for it.
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Option<Vec<Condition>>,
}

/// A route at one Gateway.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ParentStatus {
    /// The Gateway, as the route names it.
    pub parent_ref: ParentReference,
    /// Who wrote this.
    #[schemars(length(min = 1, max = 253))]
    pub controller_name: String,
    /// What holds for the route there.
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"])
    )]
    pub conditions: Option<Vec<Condition>>,
}

/// One thing that holds, or does not.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[schemars(
        rename = "type",
        length(max = 316),
        regex(
            pattern = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        )
    )]
    pub kind: String,
    /// Whether it holds.
    #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
    pub status: String,
    /// The generation of the object that this is about.
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` changed last.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one word.
    #[schemars(
        length(min = 1, max = 1024),
        regex(pattern = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
    )]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}
