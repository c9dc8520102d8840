//! What a field's type says of its JSON form, as far as a name can tell: the names of the standard library that
//! everybody uses. Any other type is left open.

use syn::{Attribute, Expr, GenericArgument, Lit, Meta, PathArguments, Type};

/// A JSON Schema for values of this type, as JSON text; `{}` when the name says nothing.
pub(crate) fn of(ty: &Type) -> String {
    let Type::Path(path) = ty else {
        return open();
    };
    let Some(last) = path.path.segments.last() else {
        return open();
    };
    let arguments = types(&last.arguments);
    match (last.ident.to_string().as_str(), arguments.as_slice()) {
        ("String" | "char", _) => r#"{"type":"string"}"#.to_owned(),
        ("bool", _) => r#"{"type":"boolean"}"#.to_owned(),
        ("f32" | "f64", _) => r#"{"type":"number"}"#.to_owned(),
        ("u8" | "u16" | "u32" | "u64" | "u128" | "usize", _) => {
            r#"{"type":"integer","minimum":0}"#.to_owned()
        }
        ("i8" | "i16" | "i32" | "i64" | "i128" | "isize", _) => r#"{"type":"integer"}"#.to_owned(),
        ("Option", [inner]) => match of(inner) {
            inner if inner == open() => inner,
            inner => format!(r#"{{"anyOf":[{inner},{{"type":"null"}}]}}"#),
        },
        ("Box" | "Arc" | "Rc", [inner]) => of(inner),
        ("Vec" | "VecDeque" | "List" | "BTreeSet" | "HashSet", [inner, ..]) => {
            format!(r#"{{"type":"array","items":{}}}"#, of(inner))
        }
        ("BTreeMap" | "HashMap", [_, value, ..]) => {
            format!(
                r#"{{"type":"object","additionalProperties":{}}}"#,
                of(value)
            )
        }
        _ => open(),
    }
}

/// The text of `///` comments, lines joined.
pub(crate) fn text(docs: &[Attribute]) -> String {
    let lines = docs.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn open() -> String {
    "{}".to_owned()
}

fn types(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_standard_library_say_what_they_hold() {
        let says = |ty: Type| of(&ty);
        assert_eq!(says(syn::parse_quote!(String)), r#"{"type":"string"}"#);
        assert_eq!(
            says(syn::parse_quote!(Option<std::vec::Vec<u32>>)),
            r#"{"anyOf":[{"type":"array","items":{"type":"integer","minimum":0}},{"type":"null"}]}"#
        );
        assert_eq!(
            says(syn::parse_quote!(BTreeMap<String, bool>)),
            r#"{"type":"object","additionalProperties":{"type":"boolean"}}"#
        );
        assert_eq!(says(syn::parse_quote!(Option<Mine>)), "{}");
        assert_eq!(says(syn::parse_quote!(&'static str)), "{}");
    }
}
