//! One field of the state: its attributes and the channel that they ask for.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Error, Expr, Field, Ident, Path, Result, Type};

/// A channel of the state.
pub(crate) struct Channel {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) kind: Kind,
    pub(crate) default: Option<Expr>,
    pub(crate) docs: Vec<syn::Attribute>,
}

/// How the channel takes writes.
pub(crate) enum Kind {
    Last,
    List,
    Reducer(Path),
    Ephemeral,
    Untracked,
}

impl Channel {
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let name = field
            .ident
            .clone()
            .ok_or_else(|| Error::new(field.span(), "a state needs named fields"))?;
        let mut kind = if is_list(&field.ty) {
            Kind::List
        } else {
            Kind::Last
        };
        let mut default = None;
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("state")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("reducer") {
                    kind = Kind::Reducer(meta.value()?.parse()?);
                } else if meta.path.is_ident("list") {
                    kind = Kind::List;
                } else if meta.path.is_ident("ephemeral") {
                    kind = Kind::Ephemeral;
                } else if meta.path.is_ident("untracked") {
                    kind = Kind::Untracked;
                } else if meta.path.is_ident("default") {
                    default = Some(meta.value()?.parse()?);
                } else {
                    return Err(meta.error(
                        "expected `reducer = path`, `list`, `ephemeral`, `untracked` or `default = expr`",
                    ));
                }
                Ok(())
            })?;
        }
        if let (Kind::Ephemeral, Some(_)) = (&kind, &default) {
            return Err(Error::new(
                field.span(),
                "an ephemeral field falls back to its type's `Default` after each step; it takes no `default`",
            ));
        }
        let docs = field.attrs.iter().filter(|a| a.path().is_ident("doc"));
        Ok(Self {
            name,
            ty: field.ty.clone(),
            kind,
            default,
            docs: docs.cloned().collect(),
        })
    }

    /// The name of the zero-sized type that carries the reducer function.
    fn reducer_name(&self, state: &Ident) -> Ident {
        format_ident!("__{}_{}_reducer", state, self.name)
    }

    /// The type that implements `Channel`.
    pub(crate) fn rule(&self, state: &Ident) -> TokenStream {
        let ty = &self.ty;
        match &self.kind {
            Kind::Last => quote!(::everthread_graph::Last<#ty>),
            Kind::List => quote!(#ty),
            Kind::Ephemeral => quote!(::everthread_graph::Ephemeral<#ty>),
            Kind::Untracked => quote!(::everthread_graph::Untracked<#ty>),
            Kind::Reducer(_) => {
                let reducer = self.reducer_name(state);
                quote!(::everthread_graph::Reducer<#reducer>)
            }
        }
    }

    /// The type of a write. It is spelled without the reducer's type, which is private to the derive's block.
    pub(crate) fn write(&self, state: &Ident) -> TokenStream {
        let (ty, rule) = (&self.ty, self.rule(state));
        match &self.kind {
            Kind::Reducer(_) => quote!(::everthread_graph::derived::Folds<#ty>),
            _ => quote!(<#rule as ::everthread_graph::Channel>::Write),
        }
    }

    /// The type of the reducer, when there is one.
    pub(crate) fn reducer(&self, state: &Ident) -> Option<TokenStream> {
        let Kind::Reducer(path) = &self.kind else {
            return None;
        };
        let (name, ty) = (self.reducer_name(state), &self.ty);
        Some(quote! {
            #[doc(hidden)]
            #[allow(non_camel_case_types, reason = "named after the field")]
            struct #name;
            impl ::everthread_graph::Reduce for #name {
                type Value = #ty;
                fn reduce(old: #ty, new: #ty) -> #ty {
                    #path(old, new)
                }
            }
        })
    }

    /// The builder's argument and how it becomes a write.
    pub(crate) fn argument(&self, state: &Ident) -> (TokenStream, TokenStream) {
        let (ty, rule) = (&self.ty, self.rule(state));
        match &self.kind {
            Kind::List => (
                quote!(impl ::core::convert::Into<<#rule as ::everthread_graph::Channel>::Write>),
                quote!(value.into()),
            ),
            Kind::Reducer(_) => (
                quote!(impl ::core::convert::Into<::everthread_graph::Reduced<#ty>>),
                quote!(::core::iter::once(value.into()).collect()),
            ),
            _ if takes_into(ty) => (
                quote!(impl ::core::convert::Into<#ty>),
                quote!(value.into()),
            ),
            _ => (quote!(#ty), quote!(value)),
        }
    }
}

fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn is_list(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|name| name == "Keyed" || name == "List")
}

fn takes_into(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|name| name == "String" || name == "Option")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ephemeral_field_takes_no_default() {
        let field = |attributes: TokenStream| {
            let input: syn::DeriveInput = syn::parse_quote! {
                struct State {
                    #attributes
                    hint: u32,
                }
            };
            crate::state::expand(&input).map_err(|error| error.to_string())
        };
        assert!(field(quote!(#[state(ephemeral)])).is_ok());
        assert!(field(quote!(#[state(default = 3)])).is_ok());
        let error = field(quote!(#[state(ephemeral, default = 3)])).err();
        assert!(error.is_some_and(|error| error.contains("takes no `default`")));
    }
}
