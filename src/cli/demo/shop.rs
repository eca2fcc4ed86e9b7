//! The demo's tool server: a shop with one order, spoken to over MCP on standard input and output.

use serde_json::{Value, json};
use std::io::{self, BufRead as _, Write as _};

/// Its name in records.
pub const NAME: &str = "shop";

/// Answers until the input ends.
pub fn serve() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        let (id, method) = (&message["id"], message["method"].as_str().unwrap_or_default());
        if id.is_null() {
            continue;
        }
        let params = &message["params"];
        let answer = match method {
            "initialize" => Ok(json!({
                "protocolVersion": params["protocolVersion"],
                "capabilities": { "tools": {} },
                "serverInfo": { "name": NAME, "version": "1" },
            })),
            "ping" => Ok(json!({})),
            "tools/list" => Ok(json!({ "tools": tools() })),
            "tools/call" => called(params["name"].as_str().unwrap_or_default(), &params["arguments"]),
            _ => Err(json!({ "code": -32601, "message": "Method not found" })),
        };
        let member = if answer.is_ok() { "result" } else { "error" };
        let told = json!({ "jsonrpc": "2.0", "id": id, member: answer.unwrap_or_else(|error| error) });
        let mut out = io::stdout().lock();
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(())
}

fn tools() -> Value {
    let tool = |name: &str, what: &str, reads: bool| {
        json!({
            "name": name, "description": what, "inputSchema": { "type": "object" },
            "annotations": { "readOnlyHint": reads },
        })
    };
    json!([
        tool("orders.lookup", "What was paid for an order", true),
        tool("payments.refund", "Give money back", false),
        tool("mail.send", "Write to the customer", false),
    ])
}

fn called(tool: &str, args: &Value) -> Result<Value, Value> {
    let result = match tool {
        "orders.lookup" => json!({ "order": args["order"], "paid": 119.9, "currency": "EUR" }),
        "payments.refund" => json!({ "refund": "re_1", "amount": args["amount"] }),
        "mail.send" => json!({ "sent": true }),
        _ => return Err(json!({ "code": -32602, "message": "no such tool" })),
    };
    Ok(json!({ "content": [{ "type": "text", "text": result.to_string() }], "structuredContent": result }))
}
