//! Gateway in: the listeners on which routes are served, and whose routes.

use super::label_selector::LabelSelector;
use super::{AI_GATEWAY, GATEWAY_API, ObjectReference};
use crate::read::{Field, Shape};
use crate::report::At;
use crate::resolved::HostPattern;

/// A set of listeners.
pub(crate) struct Gateway {
    pub(crate) listeners: Vec<GatewayListener>,
}

/// One port, protocol and perhaps host name.
pub(crate) struct GatewayListener {
    pub(crate) at: At,
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) hostname: Option<HostPattern>,
    /// The certificates of an HTTPS listener.
    pub(crate) certificates: Option<Vec<ObjectReference>>,
    pub(crate) routes_from: RoutesFrom,
    /// Whether `allowedRoutes.kinds` admits MCPRoutes.
    pub(crate) takes_routes: bool,
}

/// Whose routes may attach.
pub(crate) enum RoutesFrom {
    All,
    Nobody,
    Same,
    Selected(LabelSelector),
}

// === impl Gateway ===

impl Gateway {
    const FIELDS: [&'static str; 8] = [
        "gatewayClassName",
        "listeners",
        "addresses",
        "infrastructure",
        "allowedListeners",
        "backendTLS",
        "tls",
        "defaultScope",
    ];

    pub(crate) fn read(spec: &Field<'_>) -> Option<Self> {
        let object = spec.object(&Self::FIELDS)?;
        object.required("gatewayClassName");
        if let Some(addresses) = object.get("addresses") {
            let message = "addresses are ignored; the address of --listen is used";
            addresses.at.note("not-enforced", message);
        }
        if let Some(tls) = object.get("tls") {
            // Client certificates that somebody asked for must not be waived in silence.
            tls.at.error("not-supported-yet", "spec.tls of a Gateway is not supported yet");
        }
        let mut listeners = Vec::new();
        for item in object.required("listeners")?.list(1, 64) {
            if let Some(listener) = GatewayListener::read(&item) {
                listeners.push(listener);
            }
        }
        let mut names: Vec<_> = listeners.iter().map(|listener| &listener.name).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            let at = object.get("listeners").map_or_else(|| spec.at.clone(), |field| field.at);
            at.invalid(
                "rule",
                "Invalid value: \"array\": Listener name must be unique within the Gateway",
            );
        }
        Some(Self { listeners })
    }
}

// === impl GatewayListener ===

impl GatewayListener {
    fn read(field: &Field<'_>) -> Option<Self> {
        let object =
            field.object(&["name", "hostname", "port", "protocol", "tls", "allowedRoutes"])?;
        let name = object.required("name")?.text(&Shape::SECTION)?;
        let port = object.required("port")?.port()?;
        let hostname = match object.get("hostname") {
            Some(hostname) => Some(HostPattern::parse(&hostname.text(&Shape::HOSTNAME)?)),
            None => None,
        };
        let protocol_field = object.required("protocol")?;
        let protocol = protocol_field.string()?;
        let certificates = match protocol.as_str() {
            "HTTP" => None,
            "HTTPS" => Some(read_certificates(&object.required("tls")?)?),
            other => {
                let message = format!("listener {name:?} with protocol {other} is not served");
                protocol_field.at.note("not-served", message);
                return None;
            }
        };
        let allowed = match object.get("allowedRoutes") {
            Some(allowed) => Some(allowed.object(&["namespaces", "kinds"])?),
            None => None,
        };
        let part = |name| allowed.as_ref().and_then(|allowed| allowed.get(name));
        let routes_from = match part("namespaces") {
            Some(namespaces) => RoutesFrom::read(&namespaces)?,
            None => RoutesFrom::Same,
        };
        let kinds = part("kinds").map(|kinds| kinds.list(0, 8)).unwrap_or_default();
        let admitted: Vec<_> = kinds.iter().filter_map(admits_routes).collect();
        let takes_routes = kinds.is_empty() || admitted.contains(&true);
        let at = field.at.clone();
        Some(Self { at, name, port, hostname, certificates, routes_from, takes_routes })
    }
}

// === impl RoutesFrom ===

impl RoutesFrom {
    fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["from", "selector"])?;
        let from = match object.get("from") {
            Some(from) => from.one_of(&["All", "Same", "Selector", "None"])?,
            None => "Same",
        };
        let selector = match object.get("selector") {
            Some(selector) => Some(LabelSelector::read(&selector)?),
            None => None,
        };
        Some(match (from, selector) {
            ("All", _) => Self::All,
            ("Same", _) => Self::Same,
            ("Selector", Some(selector)) => Self::Selected(selector),
            ("Selector", None) => {
                let message = "from is Selector and there is no selector: no route is taken";
                object.at.warning("no-selector", message);
                Self::Nobody
            }
            _ => Self::Nobody,
        })
    }
}

/// Whether one of `allowedRoutes.kinds` admits MCPRoutes: their own kind, or that of the HTTPRoutes
/// which Envoy AI Gateway makes of them. The group of their own kind is easily left out.
fn admits_routes(field: &Field<'_>) -> Option<bool> {
    let object = field.object(&["group", "kind"])?;
    let group = match object.get("group") {
        Some(group) => group.text(&Shape::GROUP)?,
        None => GATEWAY_API.to_owned(),
    };
    let kind = object.required("kind")?.text(&Shape::KIND)?;
    let admits = matches!(
        (group.as_str(), kind.as_str()),
        (AI_GATEWAY | GATEWAY_API, "MCPRoute") | (GATEWAY_API, "HTTPRoute")
    );
    if !admits {
        field.at.note("not-served", format!("routes of kind {kind} are not served by Sealgate"));
    }
    Some(admits)
}

fn read_certificates(field: &Field<'_>) -> Option<Vec<ObjectReference>> {
    let object = field.object(&["mode", "certificateRefs", "options", "frontendValidation"])?;
    if let Some(mode) = object.get("mode")
        && mode.one_of(&["Terminate", "Passthrough"])? == "Passthrough"
    {
        mode.at.error("not-supported-yet", "TLS passthrough is not supported");
        return None;
    }
    if let Some(validation) = object.get("frontendValidation") {
        // Client certificates that somebody asked for must not be waived in silence.
        validation.at.error("not-supported-yet", "frontendValidation is not supported yet");
        return None;
    }
    let references = object.required("certificateRefs")?;
    let certificates: Vec<_> =
        references.list(1, 64).iter().filter_map(ObjectReference::secret).collect();
    (!certificates.is_empty()).then_some(certificates)
}
