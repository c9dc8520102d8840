//! The code of `#[derive(State)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Error, Fields, Ident, Result, Visibility};

use crate::field::Channel;
use crate::schema;

/// The most that a step's notes can tell apart.
const MAX_CHANNELS: usize = 128;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(input, "a state is a struct"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(input, "a state needs named fields"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a state has no type parameters",
        ));
    }
    let channels = fields
        .named
        .iter()
        .map(Channel::of)
        .collect::<Result<Vec<_>>>()?;
    if channels.len() > MAX_CHANNELS {
        return Err(Error::new_spanned(
            input,
            "a state has at most 128 channels",
        ));
    }
    let reducers = channels
        .iter()
        .filter_map(|channel| channel.reducer(&input.ident));
    let (update_type, update_impl) = update(&input.vis, &input.ident, &channels);
    let state = state(&input.vis, &input.ident, &channels);
    Ok(quote! {
        #update_type
        const _: () = {
            #(#reducers)*
            #update_impl
            #state
        };
    })
}

fn update_name(state: &Ident) -> Ident {
    format_ident!("{}Update", state)
}

#[expect(
    clippy::too_many_lines,
    reason = "one piece of code to emit, read from top to bottom"
)]
fn state(vis: &Visibility, state: &Ident, channels: &[Channel]) -> TokenStream {
    let update = update_name(state);
    let names: Vec<_> = channels.iter().map(|channel| &channel.name).collect();
    let texts: Vec<_> = names.iter().map(|name| plain(name)).collect();
    let rules: Vec<_> = channels.iter().map(|channel| channel.rule(state)).collect();
    let places: Vec<_> = (0..channels.len()).collect();
    let schemas = channels.iter().map(|channel| schema::of(&channel.ty));
    let docs = channels.iter().map(|channel| schema::text(&channel.docs));
    let defaults: Vec<_> = channels
        .iter()
        .map(|channel| match &channel.default {
            Some(default) => quote!(#default),
            None => quote!(::core::default::Default::default()),
        })
        .collect();
    let untracked = channels
        .iter()
        .zip(&defaults)
        .filter_map(|(channel, default)| {
            let name = &channel.name;
            matches!(channel.kind, crate::field::Kind::Untracked)
                .then(|| quote!(self.#name = #default;))
        });
    quote! {
        impl #state {
            /// An update that writes nothing yet.
            #[allow(dead_code, reason = "a state that is only read needs none")]
            #vis fn update() -> #update {
                ::core::default::Default::default()
            }
        }

        impl ::everthread_graph::State for #state {
            type Update = #update;

            const CHANNELS: &'static [::everthread_graph::ChannelInfo] = &[#(
                ::everthread_graph::ChannelInfo {
                    name: #texts,
                    kind: <#rules as ::everthread_graph::Channel>::KIND,
                    schema: #schemas,
                    doc: #docs,
                },
            )*];

            fn initial() -> Self {
                Self { #(#names: #defaults),* }
            }

            fn fork(&self) -> Self {
                Self { #(#names: ::core::clone::Clone::clone(&self.#names)),* }
            }

            fn apply(
                &mut self,
                update: #update,
                step: &mut ::everthread_graph::Step<'_>,
            ) -> ::core::result::Result<(), ::everthread_graph::Error> {
                #(if let ::core::option::Option::Some(write) = update.#names {
                    <#rules as ::everthread_graph::Channel>::apply(
                        &mut self.#names, write, step, (#places, #texts),
                    )?;
                })*
                ::core::result::Result::Ok(())
            }

            fn settle(
                &mut self,
                base: &Self,
                step: &::everthread_graph::Step<'_>,
                mut changes: ::core::option::Option<
                    &mut ::std::vec::Vec<::everthread_graph::contract::ChannelChange>,
                >,
            ) -> ::core::result::Result<(), ::everthread_graph::Error> {
                #({
                    let change = <#rules as ::everthread_graph::Channel>::settle(
                        &mut self.#names, &base.#names, step.is_written(#places), changes.is_some(),
                    );
                    ::everthread_graph::derived::push(&mut changes, #texts, change)?;
                })*
                ::core::result::Result::Ok(())
            }

            fn load(
                &mut self,
                channel: &str,
                stored: &::everthread_graph::contract::ChannelValue,
            ) -> ::core::result::Result<bool, ::everthread_graph::Error> {
                match channel {
                    #(#texts => ::everthread_graph::derived::load(
                        &mut self.#names,
                        #texts,
                        <#rules as ::everthread_graph::Channel>::load(stored),
                    ),)*
                    _ => ::core::result::Result::Ok(false),
                }
            }

            fn reset_untracked(&mut self) {
                #(#untracked)*
            }

            fn diff(&self, base: &Self) -> #update {
                #update { #(
                    #names: <#rules as ::everthread_graph::Channel>::diff(&self.#names, &base.#names),
                )* }
            }

            fn to_json(
                &self,
            ) -> ::core::result::Result<::everthread_graph::contract::Json, ::everthread_graph::Error> {
                let mut object = ::everthread_graph::derived::Object::new();
                #(object.field(#texts, <#rules as ::everthread_graph::Channel>::show(&self.#names))?;)*
                ::core::result::Result::Ok(object.end())
            }
        }
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one piece of code to emit, read from top to bottom"
)]
fn update(vis: &Visibility, state: &Ident, channels: &[Channel]) -> (TokenStream, TokenStream) {
    let update = update_name(state);
    let names: Vec<_> = channels.iter().map(|channel| &channel.name).collect();
    let texts: Vec<_> = names.iter().map(|name| plain(name)).collect();
    let rules: Vec<_> = channels.iter().map(|channel| channel.rule(state)).collect();
    let builders = channels.iter().zip(&rules).map(|(channel, rule)| {
        let (name, docs) = (&channel.name, &channel.docs);
        let (argument, write) = channel.argument(state);
        quote! {
            #(#docs)*
            #[must_use]
            #[allow(dead_code, missing_docs, reason = "as the field")]
            pub fn #name(mut self, value: #argument) -> Self {
                let write = #write;
                match &mut self.#name {
                    ::core::option::Option::Some(earlier) => {
                        <#rule as ::everthread_graph::Channel>::merge(earlier, write);
                    }
                    none => *none = ::core::option::Option::Some(write),
                }
                self
            }
        }
    });
    let doc = format!("A partial change of [`{state}`]: only the channels that were written.");
    let writes = channels.iter().map(|channel| channel.write(state));
    let update_type = quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::default::Default)]
        #vis struct #update {
            #(#names: ::core::option::Option<#writes>,)*
        }
    };
    let update_impl = quote! {
        impl #update {
            #(#builders)*
        }

        impl ::core::fmt::Debug for #update {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::everthread_graph::derived::debug(self, f)
            }
        }

        impl ::everthread_graph::Update for #update {
            fn merge(&mut self, later: Self) {
                #(match (&mut self.#names, later.#names) {
                    (_, ::core::option::Option::None) => {}
                    (::core::option::Option::Some(earlier), ::core::option::Option::Some(later)) => {
                        <#rules as ::everthread_graph::Channel>::merge(earlier, later);
                    }
                    (none, later) => *none = later,
                })*
            }

            fn prepare(&mut self, id: &mut dyn FnMut() -> ::std::string::String) {
                #(if let ::core::option::Option::Some(write) = &mut self.#names {
                    <#rules as ::everthread_graph::Channel>::prepare(write, id);
                })*
            }

            fn is_empty(&self) -> bool {
                true #(&& self.#names.is_none())*
            }

            fn to_json(
                &self,
            ) -> ::core::result::Result<::everthread_graph::contract::Json, ::everthread_graph::Error> {
                let mut object = ::everthread_graph::derived::Object::new();
                #(if let ::core::option::Option::Some(write) = &self.#names {
                    let text = <#rules as ::everthread_graph::Channel>::write_to_json(write);
                    object.field(#texts, text.map(::core::option::Option::Some))?;
                })*
                ::core::result::Result::Ok(object.end())
            }

            fn from_json(
                json: &::everthread_graph::contract::Json,
            ) -> ::core::result::Result<Self, ::everthread_graph::Error> {
                let mut update = Self::default();
                for (name, text) in ::everthread_graph::derived::fields(json)? {
                    match name.as_str() {
                        #(#texts => {
                            let write = <#rules as ::everthread_graph::Channel>::write_from_json(text.get());
                            update.#names = ::core::option::Option::Some(
                                ::everthread_graph::derived::input(#texts, write)?,
                            );
                        })*
                        _ => {}
                    }
                }
                ::core::result::Result::Ok(update)
            }
        }

        impl ::everthread_graph::IntoCommand<#state> for #update {
            fn into_command(
                self,
            ) -> ::core::result::Result<
                ::everthread_graph::Command<#state>,
                ::everthread_graph::NodeError,
            > {
                ::core::result::Result::Ok(::everthread_graph::Command::new().update(self))
            }
        }

        impl ::everthread_graph::IntoInput<#state> for #update {
            fn into_input(self) -> ::everthread_graph::Input<#state> {
                ::everthread_graph::Input::Update(self)
            }
        }
    };
    (update_type, update_impl)
}

/// The name without `r#`.
fn plain(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}
