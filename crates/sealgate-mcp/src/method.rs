//! Methods: the `method` string of a message → [`Method`], and what the protocol says about it.

/// What carries the target of a request: the value that `Mcp-Name` mirrors and a route keys on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// `params.name`, of a tool or a prompt.
    Name,
    /// `params.uri`, of a resource.
    Uri,
    /// `params.taskId`.
    TaskId,
}

/// The versions in which a method exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Only up to 2025-11-25.
    Legacy,
    /// Only from 2026-07-28 on.
    Modern,
    /// In both, on the wire.
    Both,
    /// In both, but a modern server embeds it in a result instead of sending it.
    Embedded,
    /// Not a method of the protocol: an extension's, or a mistake.
    Unknown,
}

/// Who sends a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client only.
    Client,
    /// The server only.
    Server,
    /// Either side, or not known.
    Either,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $sender:ident, $span:ident;)+) => {
        /// A method or notification of any version of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method<'a> {
            $($(#[$doc])* $variant,)+
            /// Anything else: an extension's method, or one that nobody knows.
            Other(&'a str),
        }

        impl<'a> Method<'a> {
            /// Every method that the protocol names.
            pub const ALL: &'static [Method<'static>] = &[$(Method::$variant,)+];

            /// Reads a method; one that is not of the protocol becomes [`Method::Other`].
            pub fn parse(text: &'a str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other),
                }
            }

            /// The method as it stands on the wire.
            pub fn as_str(&self) -> &'a str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }

            /// A label for metrics: the set is closed, so that no caller can grow it. Everything
            /// that the protocol does not name is `other`.
            pub const fn as_label(&self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(_) => "other",
                }
            }

            /// Who sends it.
            pub const fn sender(&self) -> Sender {
                match self {
                    $(Self::$variant => Sender::$sender,)+
                    Self::Other(_) => Sender::Either,
                }
            }

            /// In which versions it exists.
            pub const fn span(&self) -> Span {
                match self {
                    $(Self::$variant => Span::$span,)+
                    Self::Other(_) => Span::Unknown,
                }
            }
        }
    };
}

methods! {
    /// Opens a legacy session.
    Initialize = "initialize", Client, Legacy;
    /// The client is done with its handshake.
    Initialized = "notifications/initialized", Client, Legacy;
    /// Is the other side alive.
    Ping = "ping", Either, Legacy;
    /// What the server is and can do.
    ServerDiscover = "server/discover", Client, Modern;
    /// Opens a stream of notifications.
    SubscriptionsListen = "subscriptions/listen", Client, Modern;
    /// The first message of such a stream.
    SubscriptionsAcknowledged = "notifications/subscriptions/acknowledged", Server, Modern;
    /// One page of tools.
    ToolsList = "tools/list", Client, Both;
    /// Runs a tool.
    ToolsCall = "tools/call", Client, Both;
    /// The tools changed.
    ToolsListChanged = "notifications/tools/list_changed", Server, Both;
    /// One page of prompts.
    PromptsList = "prompts/list", Client, Both;
    /// One prompt, filled in.
    PromptsGet = "prompts/get", Client, Both;
    /// The prompts changed.
    PromptsListChanged = "notifications/prompts/list_changed", Server, Both;
    /// One page of resources.
    ResourcesList = "resources/list", Client, Both;
    /// One page of resource templates.
    ResourcesTemplatesList = "resources/templates/list", Client, Both;
    /// The content of a resource.
    ResourcesRead = "resources/read", Client, Both;
    /// Watches a resource, for the session.
    ResourcesSubscribe = "resources/subscribe", Client, Legacy;
    /// Ends that.
    ResourcesUnsubscribe = "resources/unsubscribe", Client, Legacy;
    /// The resources changed.
    ResourcesListChanged = "notifications/resources/list_changed", Server, Both;
    /// A watched resource changed.
    ResourcesUpdated = "notifications/resources/updated", Server, Both;
    /// Completes an argument of a prompt or a template.
    CompletionComplete = "completion/complete", Client, Both;
    /// Sets the level of log messages, for the session.
    LoggingSetLevel = "logging/setLevel", Client, Legacy;
    /// A log message.
    LogMessage = "notifications/message", Server, Both;
    /// Progress of a request.
    Progress = "notifications/progress", Either, Both;
    /// A request is no longer wanted. Modern HTTP clients close the stream instead.
    Cancelled = "notifications/cancelled", Either, Both;
    /// Asks the client's model.
    SamplingCreateMessage = "sampling/createMessage", Server, Embedded;
    /// Asks the user.
    ElicitationCreate = "elicitation/create", Server, Embedded;
    /// An elicitation by URL is through.
    ElicitationComplete = "notifications/elicitation/complete", Server, Legacy;
    /// Asks for the client's directories.
    RootsList = "roots/list", Server, Embedded;
    /// These changed.
    RootsListChanged = "notifications/roots/list_changed", Client, Legacy;
    /// The state of a task: of the core (2025-11-25), or of the extension.
    TasksGet = "tasks/get", Either, Both;
    /// Waits for a task's result.
    TasksResult = "tasks/result", Either, Legacy;
    /// One page of tasks.
    TasksList = "tasks/list", Either, Legacy;
    /// Ends a task.
    TasksCancel = "tasks/cancel", Either, Both;
    /// Answers what a task asks (extension).
    TasksUpdate = "tasks/update", Client, Modern;
    /// The state of a task changed (core).
    TasksStatus = "notifications/tasks/status", Either, Legacy;
    /// The state of a task changed (extension).
    TasksNotification = "notifications/tasks", Server, Modern;
}

impl Method<'_> {
    /// Whether a message with this method has no id and gets no answer.
    pub fn is_notification(&self) -> bool {
        self.as_str().starts_with("notifications/")
    }

    /// Whether a modern client may send it.
    pub fn is_modern_request(&self) -> bool {
        !self.is_notification()
            && matches!(self.span(), Span::Modern | Span::Both)
            && !matches!(self.sender(), Sender::Server)
    }

    /// Whether a legacy client may send it as a request.
    pub fn is_legacy_request(&self) -> bool {
        !self.is_notification()
            && matches!(self.span(), Span::Legacy | Span::Both)
            && !matches!(self.sender(), Sender::Server)
    }

    /// What `Mcp-Name` mirrors (MCP 2026-07-28; the tasks extension adds its three).
    pub const fn target(&self) -> Option<Target> {
        match self {
            Self::ToolsCall | Self::PromptsGet => Some(Target::Name),
            Self::ResourcesRead => Some(Target::Uri),
            Self::TasksGet | Self::TasksUpdate | Self::TasksCancel => Some(Target::TaskId),
            _ => None,
        }
    }

    /// Whether its complete results must carry `ttlMs` and `cacheScope` (MCP 2026-07-28).
    pub const fn is_cacheable(&self) -> bool {
        matches!(
            self,
            Self::ServerDiscover
                | Self::ToolsList
                | Self::PromptsList
                | Self::ResourcesList
                | Self::ResourcesTemplatesList
                | Self::ResourcesRead
        )
    }

    /// Whether it may be answered with an input-required result (MCP 2026-07-28).
    pub const fn allows_input_required(&self) -> bool {
        matches!(self, Self::ToolsCall | Self::PromptsGet | Self::ResourcesRead)
    }
}

impl std::fmt::Display for Method<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Target {
    /// The key in `params`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Uri => "uri",
            Self::TaskId => "taskId",
        }
    }
}

#[cfg(test)]
mod tests;
