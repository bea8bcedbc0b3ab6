//! Offers: a server's capabilities → two bytes, to ask a backend only for what it has.

use std::ops::{BitAnd, BitOr, BitOrAssign};

use crate::method::Method;
use crate::object::Object;

/// What a server offers, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Offers(u16);

impl Offers {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `tools`
    pub const TOOLS: Self = Self(1);
    /// `tools.listChanged`
    pub const TOOLS_LIST_CHANGED: Self = Self(1 << 1);
    /// `prompts`
    pub const PROMPTS: Self = Self(1 << 2);
    /// `prompts.listChanged`
    pub const PROMPTS_LIST_CHANGED: Self = Self(1 << 3);
    /// `resources`
    pub const RESOURCES: Self = Self(1 << 4);
    /// `resources.listChanged`
    pub const RESOURCES_LIST_CHANGED: Self = Self(1 << 5);
    /// `resources.subscribe`
    pub const RESOURCES_SUBSCRIBE: Self = Self(1 << 6);
    /// `logging`
    pub const LOGGING: Self = Self(1 << 7);
    /// `completions`
    pub const COMPLETIONS: Self = Self(1 << 8);
    /// `tasks`, of the core (2025-11-25)
    pub const CORE_TASKS: Self = Self(1 << 9);
    /// `extensions["io.modelcontextprotocol/tasks"]`
    pub const TASKS_EXTENSION: Self = Self(1 << 10);

    /// Reads `capabilities` of an `initialize` or `server/discover` result. What is no object
    /// offers nothing.
    pub fn read(capabilities: &str) -> Self {
        let Ok(object) = Object::parse(capabilities) else { return Self::NONE };
        let mut offers = Self::NONE;
        for member in object.members() {
            let value = member.value.get();
            if value == "null" {
                continue;
            }
            let inner = Object::parse(value).ok();
            let has = |flag: &str| inner.as_ref().is_some_and(|inner| inner.is_true(flag));
            match &*member.key {
                "tools" => {
                    offers |= Self::TOOLS | Self::TOOLS_LIST_CHANGED.given(has("listChanged"));
                }
                "prompts" => {
                    offers |= Self::PROMPTS | Self::PROMPTS_LIST_CHANGED.given(has("listChanged"));
                }
                "resources" => {
                    offers |= Self::RESOURCES
                        | Self::RESOURCES_LIST_CHANGED.given(has("listChanged"))
                        | Self::RESOURCES_SUBSCRIBE.given(has("subscribe"));
                }
                "logging" => offers |= Self::LOGGING,
                "completions" => offers |= Self::COMPLETIONS,
                "tasks" => offers |= Self::CORE_TASKS,
                "extensions" => {
                    let tasks = inner.as_ref().and_then(|e| e.get("io.modelcontextprotocol/tasks"));
                    offers |= Self::TASKS_EXTENSION.given(tasks.is_some());
                }
                _ => {}
            }
        }
        offers
    }

    /// What a server must offer for a client to send it `method`; nothing for methods that every
    /// server has, and for those that the protocol does not know.
    pub fn needed_by(method: &Method<'_>) -> Self {
        match method {
            Method::ToolsList | Method::ToolsCall => Self::TOOLS,
            Method::PromptsList | Method::PromptsGet => Self::PROMPTS,
            Method::ResourcesList | Method::ResourcesTemplatesList | Method::ResourcesRead => {
                Self::RESOURCES
            }
            Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => Self::RESOURCES_SUBSCRIBE,
            Method::LoggingSetLevel => Self::LOGGING,
            Method::CompletionComplete => Self::COMPLETIONS,
            _ => Self::NONE,
        }
    }

    /// Whether everything in `other` is offered.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is offered.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as a number, for tokens.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set behind its number; bits without a meaning here are kept.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    const fn given(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

impl BitOr for Offers {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Offers {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for Offers {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
