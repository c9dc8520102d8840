//! Mermaid text, in the style of LangChain's drawer.

use std::fmt::Write as _;

use super::{Edge, Picture};
use crate::command::{END, START};

const HEADER: &str = "---\nconfig:\n  flowchart:\n    curve: linear\n---\ngraph TD;\n";
const CLASSES: &str = "\tclassDef default fill:#f2f0ff,line-height:1.2\n\
                       \tclassDef first fill-opacity:0\n\
                       \tclassDef last fill:#bfb6fc\n";

pub(super) fn text(picture: &Picture) -> String {
    let mut out = String::from(HEADER);
    let _ = writeln!(out, "\t{START}([<p>{START}</p>]):::first");
    nodes(&mut out, picture, "", 1);
    let _ = writeln!(out, "\t{END}([<p>{END}</p>]):::last");
    for edge in edges(picture, "") {
        let (from, to) = (id(&edge.from), id(&edge.to));
        let arrow = match (edge.conditional, &edge.label) {
            (false, _) => "-->".to_owned(),
            (true, None) => "-.->".to_owned(),
            (true, Some(label)) => format!("-. &nbsp;{}&nbsp; .->", escaped(label)),
        };
        let _ = writeln!(out, "\t{from} {arrow} {to};");
    }
    out.push_str(CLASSES);
    out
}

fn nodes(out: &mut String, picture: &Picture, prefix: &str, depth: usize) {
    let indent = "\t".repeat(depth);
    for node in &picture.nodes {
        let path = format!("{prefix}{}", node.name);
        match &node.inside {
            Some(inside) => {
                let _ = writeln!(out, "{indent}subgraph {}", id(&path));
                nodes(out, inside, &format!("{path}:"), depth + 1);
                let _ = writeln!(out, "{indent}end");
            }
            None => {
                let label = escaped(&node.name);
                let note = if node.deferred {
                    "<hr/><small><em>defer = True</em></small>"
                } else {
                    ""
                };
                let _ = writeln!(out, "{indent}{}({label}{note})", id(&path));
            }
        }
    }
}

/// The edges with full paths; an edge to or from a graph inside goes to its first nodes or from its last.
pub(super) fn edges(picture: &Picture, prefix: &str) -> Vec<Edge> {
    let mut all = Vec::new();
    for edge in &picture.edges {
        for (from, from_conditional) in ends(picture, prefix, &edge.from, END) {
            for (to, to_conditional) in ends(picture, prefix, &edge.to, START) {
                all.push(Edge {
                    from: from.clone(),
                    to,
                    conditional: edge.conditional || from_conditional || to_conditional,
                    label: edge.label.clone(),
                });
            }
        }
    }
    for node in &picture.nodes {
        if let Some(inside) = &node.inside {
            let within = edges(inside, &format!("{prefix}{}:", node.name));
            all.extend(
                within
                    .into_iter()
                    .filter(|edge| !edge.from.ends_with(START) && !edge.to.ends_with(END)),
            );
        }
    }
    all
}

/// The nodes that an edge's end stands for: itself, or for a graph inside those next to its start or its end.
fn ends(picture: &Picture, prefix: &str, name: &str, side: &str) -> Vec<(String, bool)> {
    let path = format!("{prefix}{name}");
    let node = picture.nodes.iter().find(|node| node.name == name);
    let Some(inside) = node.and_then(|node| node.inside.as_ref()) else {
        return vec![(path, false)];
    };
    let inner = format!("{path}:");
    let mut all = Vec::new();
    for edge in &inside.edges {
        let (end, near) = if side == START {
            (&edge.from, &edge.to)
        } else {
            (&edge.to, &edge.from)
        };
        if end == side {
            let near = ends(inside, &inner, near, side);
            all.extend(
                near.into_iter()
                    .map(|(name, dashed)| (name, dashed || edge.conditional)),
            );
        }
    }
    all
}

/// A name as an id of Mermaid: what it does not allow as a backslash and the character's number.
fn id(name: &str) -> String {
    let mut id = String::with_capacity(name.len());
    for char in name.chars() {
        if char.is_ascii_alphanumeric() || char == '_' || char == '-' {
            id.push(char);
        } else {
            let _ = write!(id, "\\{:x}", u32::from(char));
        }
    }
    id
}

/// A label without what Mermaid would read as syntax.
fn escaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    for char in label.chars() {
        if "()[]{}<>\"#;|&".contains(char) {
            let _ = write!(text, "#{};", u32::from(char));
        } else {
            text.push(char);
        }
    }
    text
}
