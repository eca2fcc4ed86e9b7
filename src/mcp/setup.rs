//! A client's list of MCP servers with the recorder in front of each: the text is edited, not written anew.

use crate::kernel::error::{Error, Result};
use crate::kernel::json::scan::{self, Node, Shape, Tape};
use crate::mcp::wire::quoted;

/// Keys under which clients keep their servers.
const LISTS: [&str; 2] = ["mcpServers", "servers"];

/// What a file is to become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The new text; the old one where nothing is to be done.
    pub text: String,
    /// Servers that get a recorder.
    pub recorded: Vec<String>,
    /// Servers that have one.
    pub unchanged: Vec<String>,
    /// Servers that have no command, so no stdio.
    pub skipped: Vec<String>,
}

/// A replacement of `from..to` in the text.
struct Edit {
    from: usize,
    to: usize,
    text: String,
}

/// Plans to put `<gait> mcp record --server NAME --` in front of every stdio server's command in `text`.
///
/// Keys keep their order, and whatever is not touched its spelling. A second plan changes nothing.
pub fn plan(text: &str, gait: &str) -> Result<Plan> {
    let tape = scan::parse(text.as_bytes())?;
    let list = LISTS.iter().find_map(|key| member(&tape, 0, key).transpose());
    let Some(list) = list.transpose()?.filter(|at| tape.nodes[*at as usize].shape == Shape::Object) else {
        return Err(Error::invalid("no object `mcpServers` or `servers` in it").hint("name an .mcp.json or the like"));
    };
    let mut plan = Plan::default();
    let mut edits: Vec<Edit> = Vec::new();
    let mut servers = tape.members(list)?;
    servers.sort_by_key(|server| server.value);
    for server in servers {
        let name = server.key.into_owned();
        let object = tape.nodes[server.value as usize].shape == Shape::Object;
        let command = if object { member(&tape, server.value, "command")? } else { None };
        let Some(command) = command.map(|at| tape.nodes[at as usize]).filter(is_text) else {
            plan.skipped.push(name);
            continue;
        };
        let args = member(&tape, server.value, "args")?;
        if has_recorder(&tape, &command, args) {
            plan.unchanged.push(name);
            continue;
        }
        let words = ["mcp", "record", "--server", &name, "--"].map(quoted);
        let items: Vec<String> = words.into_iter().chain([tape.raw(&command).to_owned()]).collect();
        edits.extend(
            front(&tape, &command, args, &items)
                .ok_or_else(|| Error::invalid(format!("`args` of server {name:?} is no list")))?,
        );
        edits.push(Edit { from: command.start as usize, to: command.end as usize, text: quoted(gait) });
        plan.recorded.push(name);
    }
    edits.sort_by_key(|edit| edit.from);
    let mut at = 0;
    for edit in edits {
        plan.text.push_str(&tape.text[at..edit.from]);
        plan.text.push_str(&edit.text);
        at = edit.to;
    }
    plan.text.push_str(&tape.text[at..]);
    Ok(plan)
}

fn is_text(node: &Node) -> bool {
    matches!(node.shape, Shape::Plain | Shape::Escaped)
}

/// The node under `key` of object `index`; a key that stands twice is an error.
fn member(tape: &Tape<'_>, index: u32, key: &str) -> Result<Option<u32>> {
    if tape.nodes[index as usize].shape != Shape::Object {
        return Ok(None);
    }
    Ok(tape.members(index)?.into_iter().find(|member| member.key == key).map(|member| member.value))
}

/// Whether the command is a recorder or a replay of ours.
fn has_recorder(tape: &Tape<'_>, command: &Node, args: Option<u32>) -> bool {
    let Some(args) = args else { return false };
    let words: Vec<String> = tape
        .children(args)
        .map(|at| tape.nodes[at as usize])
        .take_while(is_text)
        .map(|node| tape.string(&node).into_owned())
        .collect();
    let program = tape.string(command);
    let name = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let ours =
        matches!(words.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), ["mcp", "record" | "replay", ..]);
    matches!(name, "gait" | "gait.exe") && ours
}

/// The items in front of the arguments, in the layout of what is there; `None` where `args` is no list.
fn front(tape: &Tape<'_>, command: &Node, args: Option<u32>, items: &[String]) -> Option<Option<Edit>> {
    let Some(args) = args else {
        // A further member behind the command, as far in as the command is.
        let before = &tape.text[..key_start(tape, command)];
        let space = &before[before.trim_end().len()..];
        let space = if space.contains('\n') { space } else { " " };
        let at = command.end as usize;
        return Some(Some(Edit { from: at, to: at, text: format!(",{space}\"args\": [{}]", items.join(", ")) }));
    };
    let node = tape.nodes[args as usize];
    if node.shape != Shape::Array {
        return None;
    }
    let inside = node.start as usize + 1;
    let first = tape.children(args).next().map(|at| tape.nodes[at as usize].start as usize);
    let Some(first) = first else {
        return Some(Some(Edit { from: inside, to: node.end as usize - 1, text: items.join(", ") }));
    };
    let space = &tape.text[inside..first];
    let separator = if space.is_empty() { ", ".to_owned() } else { format!(",{space}") };
    let text = items.iter().map(|item| format!("{item}{separator}")).collect();
    Some(Some(Edit { from: first, to: first, text }))
}

/// Where the key of this value starts: the node in front of it.
fn key_start(tape: &Tape<'_>, value: &Node) -> usize {
    let at = tape.nodes.partition_point(|node| node.start < value.start);
    at.checked_sub(1).map_or(0, |key| tape.nodes[key].start as usize)
}
