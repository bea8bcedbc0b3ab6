//! A label selector in (the Kubernetes API's LabelSelector), whether labels satisfy it out.

use std::collections::BTreeMap;

use crate::read::{Field, Object};

/// The labels of a namespace.
pub(crate) type Labels = BTreeMap<String, String>;

/// The label that every namespace has: its own name.
pub(crate) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Every one of these must hold; none holds for everybody.
pub(crate) struct LabelSelector {
    requirements: Vec<Requirement>,
}

struct Requirement {
    key: String,
    test: Test,
}

enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
}

// === impl LabelSelector ===

impl LabelSelector {
    pub(crate) fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["matchLabels", "matchExpressions"])?;
        let mut requirements = Vec::new();
        if let Some(labels) = object.get("matchLabels") {
            for (key, value) in labels.open_object()?.fields() {
                let test = Test::In(vec![value.string()?]);
                requirements.push(Requirement { key: key.to_owned(), test });
            }
        }
        for item in object.get("matchExpressions").iter().flat_map(|list| list.list(0, usize::MAX))
        {
            requirements.push(Requirement::read(&item)?);
        }
        Some(Self { requirements })
    }

    /// Whether the namespace `name` is selected. Of one whose labels are not known nothing but
    /// its name is taken for granted, not even that a label is absent.
    pub(crate) fn selects(&self, name: &str, labels: Option<&Labels>) -> bool {
        self.requirements.iter().all(|requirement| match (requirement.key.as_str(), labels) {
            (NAME_LABEL, _) => requirement.test.accepts(Some(name)),
            (key, Some(labels)) => requirement.test.accepts(labels.get(key).map(String::as_str)),
            (_, None) => false,
        })
    }
}

// === impl Requirement ===

impl Requirement {
    fn read(field: &Field<'_>) -> Option<Self> {
        let object = field.object(&["key", "operator", "values"])?;
        let key = object.required("key")?.string()?;
        let operator = object.required("operator")?;
        let values = read_values(&object)?;
        let test = match operator.one_of(&["In", "NotIn", "Exists", "DoesNotExist"])? {
            "In" => Test::In(values),
            "NotIn" => Test::NotIn(values),
            word if !values.is_empty() => {
                object.broken(&format!("values must be empty for operator {word}"));
                return None;
            }
            "Exists" => Test::Exists,
            _ => Test::DoesNotExist,
        };
        if matches!(&test, Test::In(values) | Test::NotIn(values) if values.is_empty()) {
            object.broken("values must not be empty for operators In and NotIn");
            return None;
        }
        Some(Self { key, test })
    }
}

fn read_values(object: &Object<'_>) -> Option<Vec<String>> {
    let Some(list) = object.get("values") else { return Some(Vec::new()) };
    list.list(0, usize::MAX).iter().map(Field::string).collect()
}

// === impl Test ===

impl Test {
    fn accepts(&self, value: Option<&str>) -> bool {
        let one_of =
            |values: &[String]| value.is_some_and(|value| values.iter().any(|it| it == value));
        match self {
            Self::In(values) => one_of(values),
            Self::NotIn(values) => !one_of(values),
            Self::Exists => value.is_some(),
            Self::DoesNotExist => value.is_none(),
        }
    }
}
