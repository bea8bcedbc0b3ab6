//! Gateway in: the listeners on which routes are served.

use super::ObjectReference;
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
}

/// Whose routes may attach.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoutesFrom {
    All,
    Same,
    Selector,
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
        let routes_from = object
            .get("allowedRoutes")
            .and_then(|field| field.object(&["namespaces", "kinds"]))
            .and_then(|routes| routes.get("namespaces"))
            .and_then(|field| field.object(&["from", "selector"]))
            .and_then(|namespaces| namespaces.get("from"))
            .and_then(|from| from.one_of(&["All", "Same", "Selector", "None"]));
        let routes_from = match routes_from {
            Some("All") => RoutesFrom::All,
            // A selector needs the labels of namespaces, which files do not give: nobody matches.
            Some("Selector" | "None") => RoutesFrom::Selector,
            _ => RoutesFrom::Same,
        };
        Some(Self { at: field.at.clone(), name, port, hostname, certificates, routes_from })
    }
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
