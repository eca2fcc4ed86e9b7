//! The tee on HTTP: nothing changes for client and server, and the pack tells what they said.

use crate::kit::{Place, Tests, ask, call, calls, read};
use crate::server::{self, NEW};
use crate::veil::everything;
use crate::web::{
    EVENTS, JSON, Listening, Message, Stream, Web, chunk, connect, event, head, hear, piece, post, reply, say,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, mpsc};

pub const TESTS: Tests = &[
    ("raw_exchanges_are_the_same", raw_exchanges_are_the_same),
    ("events_pass_before_the_response_ends", events_pass_before_the_response_ends),
    ("an_end_cut_off_is_passed_on", an_end_cut_off_is_passed_on),
    ("a_server_on_http_is_recorded", a_server_on_http_is_recorded),
    ("sessions_and_streams_are_told_apart", sessions_and_streams_are_told_apart),
    ("compressed_copies_are_read", compressed_copies_are_read),
    ("strangers_are_refused", strangers_are_refused),
    ("credentials_are_nowhere", credentials_are_nowhere),
    ("a_killed_listener_can_be_sealed", a_killed_listener_can_be_sealed),
    ("a_capture_groups_and_ends_listeners", a_capture_groups_and_ends_listeners),
    ("what_cannot_be_reached_is_told", what_cannot_be_reached_is_told),
];

/// A server of the older era that answers as JSON, or as events where a header asks for them.
fn tiny(new: bool) -> Web {
    Web::serve(move |request, stream| {
        let session = request.header("mcp-session-id").map(str::to_owned);
        if !request.line.starts_with("POST") {
            return say(stream, reply("405 Method Not Allowed", "Allow: POST\r\n", ""));
        }
        let message = request.json();
        let asked = message.as_array().cloned().unwrap_or_else(|| vec![message.clone()]);
        let answers: Vec<Value> = asked.iter().filter_map(|message| server::respond(new, message)).collect();
        let first = asked[0]["method"] == "initialize";
        let id = if first { "Mcp-Session-Id: s-12345678\r\n".to_owned() } else { String::new() };
        assert!(new || first || session.is_some() || asked[0]["method"] == "server/discover", "{request:?}");
        match answers.as_slice() {
            [] => say(stream, reply("202 Accepted", "", "")),
            [one] if !message.is_array() && request.header("x-events").is_some() => {
                let events = [": hello\n\n".to_owned(), event(one)].map(piece).concat();
                say(stream, [format!("{EVENTS}{id}\r\n").as_bytes(), &events, b"0\r\n\r\n"].concat());
            }
            [one] if !message.is_array() => say(stream, reply("200 OK", &format!("{JSON}{id}"), one.to_string())),
            all => say(stream, reply("200 OK", JSON, json!(all).to_string())),
        }
    })
}

/// Asks, and waits for the whole answer.
fn talk(stream: &mut Stream, headers: &str, message: &Value) -> Message {
    say(stream, post("localhost", headers, &message.to_string()));
    hear(stream).unwrap()
}

fn raw_exchanges_are_the_same() {
    let place = Place::new();
    let body = call(1, "add", json!({"a": 1, "b": 2})).to_string();
    let web = Web::serve(|request, stream| {
        let odd = "X-ODD-Case: Yes\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: tiny\r\n";
        let path = request.line.split(' ').nth(1).unwrap();
        match path {
            "/mcp" => say(
                stream,
                reply("200 OK", &format!("{JSON}{odd}"), "{\"jsonrpc\":\"2.0\", \"id\":1,\n\"result\":{}}\n"),
            ),
            "/mcp?x=%2F&y" => {
                let pieces = [piece("{\"a\""), piece(":1}"), piece("")].concat();
                say(
                    stream,
                    [format!("HTTP/1.1 200 OK\r\n{JSON}{odd}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), &pieces]
                        .concat(),
                );
            }
            "/not/there" => say(stream, reply("404 Gone Fishing", "Content-Type: text/html\r\n", b"<p>\0\xff")),
            "/mcp?empty" => say(stream, reply("202 Accepted", odd, "")),
            _ => say(stream, "HTTP/1.1 204 No Content\r\nX-Last: 1\r\n\r\n"),
        }
    });
    let tee = Listening::tee(&place, &web.url(), &[]);
    assert!(tee.url.ends_with("/mcp"), "{}", tee.url);
    let kinds = "Content-Type: application/json\r\nACCEPT: a, b\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: add\r\nUser-Agent: raw\r\n";
    let length = format!("Content-Length: {}\r\n", body.len());
    let chunked = String::from_utf8([piece(&body[..7]), piece(&body[7..]), piece("")].concat()).unwrap();
    let requests = [
        format!("POST /mcp HTTP/1.1\r\nHost: HOST\r\n{kinds}{length}\r\n{body}"),
        format!("POST /mcp?x=%2F&y HTTP/1.1\r\nHost: HOST\r\n{kinds}Transfer-Encoding: chunked\r\n\r\n{chunked}"),
        "GET /not/there HTTP/1.1\r\nhost: HOST\r\naccept-encoding: gzip, zstd\r\ncookie: c=1; d=2\r\n\r\n".to_owned(),
        format!("POST /mcp?empty HTTP/1.1\r\nHost: HOST\r\n{kinds}{length}\r\n{body}"),
        "DELETE /mcp?end HTTP/1.1\r\nHost: HOST\r\nMcp-Session-Id: abc\r\nTE: trailers\r\n\r\n".to_owned(),
    ];
    let mut heard = Vec::new();
    for address in [&web.address, &tee.address] {
        let mut stream = connect(address);
        let answers = requests.clone().map(|request| {
            say(&mut stream, request.replace("HOST", address));
            hear(&mut stream).unwrap().essence(&["date", "transfer-encoding"])
        });
        heard.push(answers);
    }
    assert_eq!(heard[0], heard[1]);
    let got = web.heard.lock().unwrap().clone();
    let (direct, teed) = got.split_at(requests.len());
    for (direct, teed) in direct.iter().zip(teed) {
        assert_eq!(
            direct.essence(&["transfer-encoding"]),
            teed.essence(&["transfer-encoding"]),
            "Host is the server's, too"
        );
    }
    let path = tee.end(&place, Signal::TERM);
    let (pack, _) = read(&path);
    assert_eq!(calls(&pack).len(), 3, "the three posts to the server's path");
}

fn events_pass_before_the_response_ends() {
    let place = Arc::new(Place::new());
    let (go, wait) = mpsc::channel();
    let (wait, here) = (Mutex::new(wait), place.clone());
    let web = Web::serve(move |_, stream| {
        // A question is written down before the server hears it.
        let journal = std::fs::read_to_string(here.only("gait-out", ".journal.jsonl")).unwrap();
        assert!(journal.contains("tools/call"), "{journal}");
        say(stream, format!("{EVENTS}\r\n"));
        for n in 0..3 {
            say(stream, piece(event(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": n}))));
            // Only once the client has the event.
            wait.lock().unwrap().recv().unwrap();
        }
        // An event in two pieces, cut inside a line.
        let last = event(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}}));
        say(stream, [piece(&last[..20]), piece(&last[20..]), piece("")].concat());
    });
    let tee = Listening::tee(&place, &web.url(), &[]);
    let mut stream = connect(&tee.address);
    say(&mut stream, post("localhost", "", &call(1, "slow", json!({})).to_string()));
    assert_eq!(head(&mut stream).unwrap().header("content-type"), Some("text/event-stream"));
    for n in 0..3 {
        let piece = String::from_utf8(chunk(&mut stream)).unwrap();
        assert!(piece.ends_with(&format!("\"params\":{n}}}\n\n")), "{piece}");
        // It was written down before it came.
        let journal = std::fs::read_to_string(place.only("gait-out", ".journal.jsonl")).unwrap();
        assert!(journal.contains(&format!("params\\\":{n}}}")), "{journal}");
        go.send(()).unwrap();
    }
    while !chunk(&mut stream).is_empty() {}
    let (pack, _) = read(&tee.end(&place, Signal::INT));
    assert_eq!(calls(&pack), [("slow".to_owned(), "{}".to_owned(), "ok".to_owned())]);
}

fn an_end_cut_off_is_passed_on() {
    let place = Place::new();
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let web = Web::serve(move |request, stream| {
        say(stream, format!("{EVENTS}\r\n"));
        say(stream, piece(event(&json!({"jsonrpc": "2.0", "method": "x"}))));
        if request.line.contains("?dies") {
            say(stream, "40\r\ndata: half an ev");
            stream.get_mut().shutdown(Shutdown::Both).unwrap();
        }
        // Until the client is gone.
        let _ = tell.lock().unwrap().send(stream.read(&mut [0]).unwrap_or(0));
    });
    let tee = Listening::tee(&place, &web.url(), &[]);
    for query in ["", "?dies"] {
        let mut stream = connect(&tee.address);
        say(&mut stream, format!("GET /mcp{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"));
        head(&mut stream).unwrap();
        chunk(&mut stream);
        if query.is_empty() {
            drop(stream);
            assert_eq!(told.recv().unwrap(), 0, "the server hears that its client is gone");
        } else {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest);
            assert!(!rest.ends_with(b"0\r\n\r\n"), "the client hears that the answer was cut");
        }
    }
    tee.end(&place, Signal::TERM);
}

fn a_server_on_http_is_recorded() {
    for (new, events) in [(false, ""), (false, "X-Events: 1\r\n"), (true, "X-Events: 1\r\n"), (true, "")] {
        let place = Place::new();
        let web = tiny(new);
        let tee = Listening::tee(&place, &web.url(), &["--server", "tiny"]);
        let mut stream = connect(&tee.address);
        let session = format!("{events}Mcp-Session-Id: s-12345678\r\n");
        talk(&mut stream, events, &ask(0, "server/discover"));
        if !new {
            let hello = talk(&mut stream, events, &ask(1, "initialize"));
            assert_eq!(hello.header("mcp-session-id"), Some("s-12345678"));
            let told = talk(&mut stream, &session, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
            assert_eq!(told.line, "HTTP/1.1 202 Accepted");
        }
        say(&mut stream, "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
        assert_eq!(hear(&mut stream).unwrap().line, "HTTP/1.1 405 Method Not Allowed");
        talk(&mut stream, &session, &ask(2, "tools/list"));
        let mut meta = call(3, "add", json!({"a": 1, "b": 2}));
        if new {
            meta["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": NEW});
        }
        talk(&mut stream, &session, &meta);
        talk(
            &mut stream,
            &session,
            &json!([call(4, "fail", json!({})), ask(5, "ping"), call(6, "none", json!({"x": "y"}))]),
        );
        let path = tee.end(&place, Signal::TERM);
        assert_eq!(place.verified(&path)["truncated"], json!(null));
        assert_eq!(place.files("", ".jsonl"), [""; 0], "the journal is in the pack");
        let (pack, catalog) = read(&path);
        let want = [("add", r#"{"a":1,"b":2}"#, "ok"), ("fail", "{}", "tool_error"), ("none", r#"{"x":"y"}"#, "error")];
        assert_eq!(calls(&pack), want.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        let server = &catalog.servers[0];
        assert_eq!(
            (server.name.as_str(), server.protocol_version.as_str()),
            ("tiny", if new { NEW } else { server::OLD })
        );
        assert_eq!(server.tools.len(), 2);
        assert!(!everything(&place).contains("s-12345678"), "session ids are not kept");
    }
}

fn sessions_and_streams_are_told_apart() {
    let place = Place::new();
    let (held, release) = (Mutex::new(Vec::<Value>::new()), Mutex::new(false));
    let web = Web::serve(move |request, stream| {
        let session = request.header("mcp-session-id").unwrap_or("?").to_owned();
        if request.line.starts_with("GET") {
            // The answer to a broken stream comes on another of the same session, after what the server asks itself.
            let asked = event(&json!({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage"}));
            let late = held.lock().unwrap().iter().map(event).collect::<String>();
            *release.lock().unwrap() = true;
            return say(stream, [format!("{EVENTS}\r\n").as_bytes(), &piece(asked + &late), &piece("")].concat());
        }
        let message = request.json();
        let answer = json!({"jsonrpc": "2.0", "id": message["id"], "result": {"content": [], "of": session}});
        if message["params"]["name"] == "late" {
            held.lock().unwrap().push(answer);
            return say(stream, [format!("{EVENTS}\r\n").as_bytes(), &piece("id: 1\ndata:\n\n"), &piece("")].concat());
        }
        say(stream, reply("200 OK", JSON, answer.to_string()));
    });
    let tee = Listening::tee(&place, &web.url(), &[]);
    let mut streams = [connect(&tee.address), connect(&tee.address)];
    // The same ids in two sessions, and twice in one.
    for (at, tool) in [(0, "late"), (1, "b"), (0, "c"), (1, "d")] {
        let session = format!("Mcp-Session-Id: s{at}\r\n");
        let id = if tool == "c" { 2 } else { 1 };
        talk(&mut streams[at], &session, &call(id, tool, json!({"of": format!("s{at}")})));
    }
    say(&mut streams[0], "GET /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: s0\r\nLast-Event-ID: 1\r\n\r\n");
    hear(&mut streams[0]).unwrap();
    let (pack, _) = read(&tee.end(&place, Signal::TERM));
    let told: Vec<String> = calls(&pack).into_iter().map(|(tool, _, status)| format!("{tool} {status}")).collect();
    assert_eq!(told, ["late ok", "b ok", "c ok", "d ok"]);
    for (intent, result) in pack.intents.iter().zip(&pack.results) {
        assert_eq!(intent.intent_id, result.intent_id);
        let of = |bytes: Option<&[u8]>| serde_json::from_slice::<Value>(bytes.unwrap()).unwrap()["of"].clone();
        assert_eq!(of(intent.content()), of(result.content()));
    }
}

fn compressed_copies_are_read() {
    let place = Place::new();
    let web = Web::serve(|request, stream| {
        let id = request.json()["id"].clone();
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "big": "x".repeat(100_000)}});
        let coding = request.header("accept-encoding").unwrap();
        let headers = format!("Content-Encoding: {coding}\r\n");
        if coding == "zstd" {
            return say(stream, reply("200 OK", &format!("{JSON}{headers}"), answer.to_string()));
        }
        if coding == "br" {
            // One stored block, as the format allows.
            let bytes = brotli_stored(answer.to_string().as_bytes());
            return say(stream, reply("200 OK", &format!("{JSON}{headers}"), bytes));
        }
        // Events, flushed one by one.
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        say(stream, format!("{EVENTS}{headers}\r\n"));
        for text in [event(&json!({"jsonrpc": "2.0", "method": "x"})), event(&answer)] {
            packed.write_all(text.as_bytes()).unwrap();
            packed.flush().unwrap();
            say(stream, piece(std::mem::take(packed.get_mut())));
        }
        say(stream, [piece(packed.finish().unwrap()), piece("")].concat());
    });
    let tee = Listening::tee(&place, &web.url(), &[]);
    let mut bodies = Vec::new();
    for address in [&web.address, &tee.address] {
        let mut stream = connect(address);
        for (id, coding) in [(1, "gzip"), (2, "br"), (3, "zstd")] {
            let answer = talk(&mut stream, &format!("Accept-Encoding: {coding}\r\n"), &call(id, coding, json!({})));
            bodies.push((answer.header("content-encoding").map(str::to_owned), answer.body));
        }
    }
    assert!(bodies[..3] == bodies[3..]);
    tee.signal(Signal::TERM);
    let mut session = tee.session;
    let (code, _, warned) = session.ended();
    assert_eq!(code, 0);
    assert!(
        warned.contains("warning: 1 messages of 127.0.0.1 were too long, or in an encoding we do not read"),
        "{warned}"
    );
    let (pack, _) = read(&place.only("gait-out", ".zip"));
    let told: Vec<String> = calls(&pack).into_iter().map(|(tool, _, status)| format!("{tool} {status}")).collect();
    assert_eq!(told, ["gzip ok", "br ok", "zstd "]);
    assert!(pack.results.iter().all(|result| result.content().unwrap().len() > 100_000));
}

/// `bytes` as a brotli stream of uncompressed blocks (RFC 7932, section 9.2).
fn brotli_stored(bytes: &[u8]) -> Vec<u8> {
    // A window of 16 bits is the one bit 0.
    let (mut out, mut bits, mut count) = (Vec::new(), 0u64, 1u32);
    for block in bytes.chunks(1 << 16) {
        let length = block.len() as u64 - 1;
        // ISLAST 0, MNIBBLES 4 (00), MLEN - 1 in 16 bits, ISUNCOMPRESSED 1.
        bits |= (length << 3 | 1 << 19) << count;
        count += 20;
        while count > 0 {
            out.push(bits as u8);
            bits >>= 8;
            count = count.saturating_sub(8);
        }
        out.extend_from_slice(block);
    }
    // ISLAST and ISLASTEMPTY.
    out.push(3);
    out
}

fn strangers_are_refused() {
    let place = Place::new();
    let web = tiny(true);
    let tee = Listening::tee(&place, &web.url(), &[]);
    let body = ask(1, "ping").to_string();
    let own = tee.address.clone();
    let port = own.rsplit_once(':').unwrap().1;
    let cases = [
        ("evil.example", "", false),
        ("evil.example:80", "", false),
        ("localhost.evil.example", "", false),
        ("127.0.0.1.evil.example", "", false),
        ("a@localhost", "", false),
        ("192.168.1.1", "", false),
        ("localhost\r\nHost: localhost", "", false),
        ("localhost", "Origin: https://evil.example\r\n", false),
        ("localhost", "Origin: null\r\n", false),
        ("localhost", "Origin: http://localhost.evil.example\r\n", false),
        ("localhost", "Origin: http://localhost:1\r\nOrigin: http://evil.example\r\n", false),
        ("LocalHost", "Origin: http://localhost:6274\r\n", true),
        (&own, "Origin: http://[::1]:1\r\n", true),
        (&format!("[::1]:{port}"), "", true),
    ];
    let mut passed = 0;
    for (host, headers, good) in cases {
        let mut stream = connect(&tee.address);
        say(&mut stream, post(host, headers, &body));
        let line = hear(&mut stream).unwrap().line;
        assert_eq!(line, if good { "HTTP/1.1 200 OK" } else { "HTTP/1.1 403 Forbidden" }, "{host} {headers}");
        passed += usize::from(good);
        assert_eq!(web.heard.lock().unwrap().len(), passed);
    }
    let mut stream = connect(&tee.address);
    say(&mut stream, "POST /mcp HTTP/1.0\r\n\r\n");
    assert_eq!(hear(&mut stream).unwrap().line, "HTTP/1.0 403 Forbidden");
    tee.end(&place, Signal::TERM);
    // Other machines only where somebody says so.
    let output = place.run(&["mcp", "record", "--http", &web.url(), "--listen", "0.0.0.0:0"], 8);
    assert!(String::from_utf8(output.stdout).unwrap().contains("--allow-host"));
    let open = Listening::tee(&place, &web.url(), &["--listen", "0.0.0.0:0", "--allow-host", "tools.test"]);
    let address = open.address.replace("0.0.0.0", "127.0.0.1");
    for (host, line) in [("tools.test:99", "HTTP/1.1 200 OK"), ("other.test", "HTTP/1.1 403 Forbidden")] {
        let mut stream = connect(&address);
        say(&mut stream, post(host, "", &body));
        assert_eq!(hear(&mut stream).unwrap().line, line);
    }
    for wrong in ["ftp://x/mcp", "/mcp", "http://user:word@localhost/mcp", "nonsense"] {
        place.run(&["mcp", "record", "--http", wrong], 6);
    }
    place.run(&["mcp", "record", "--http", &web.url(), "--listen", "nowhere"], 6);
    place.run(&["mcp", "record", "--http", &web.url(), "--", "sh"], 6);
}

fn credentials_are_nowhere() {
    let place = Place::new();
    // A server that tells what it was told, in every spelling it can think of.
    let web = Web::serve(|request, stream| {
        if !request.line.contains("/mcp") {
            return say(stream, reply("200 OK", JSON, "{\"access_token\":\"issued-token-1\"}"));
        }
        let id = request.json()["id"].clone();
        let token = request.header("authorization").unwrap().rsplit(' ').next().unwrap().to_owned();
        let told =
            json!({"raw": token, "deep": json!({"t": token}).to_string(), "headers": format!("{:?}", request.headers)});
        say(
            stream,
            reply(
                "200 OK",
                JSON,
                json!({"jsonrpc": "2.0", "id": id, "result": {"content": [], "told": told}}).to_string(),
            ),
        );
    });
    let tee = Listening::tee(&place, &format!("{}?api_key=url-secret-1", web.url()), &[]);
    assert!(tee.url.ends_with("/mcp"), "{}", tee.url);
    let mut stream = connect(&tee.address);
    let secrets =
        "Authorization: Bearer top-secret-1\r\nX-API-Key: api-secret-1\r\nCookie: a=1; sid=cookie-secret-1\r\n";
    let answer = talk(&mut stream, secrets, &call(1, "x", json!({"k": "url-secret-1"})));
    assert_eq!(answer.json()["result"]["told"]["raw"], "top-secret-1", "the client hears the real one");
    talk(&mut stream, "Authorization: Basic dXNlcjpwYXNz\r\n", &call(2, "x", json!({})));
    assert!(web.heard.lock().unwrap().iter().all(|heard| heard.line.contains("/mcp?api_key=url-secret-1 ")));
    say(&mut stream, "POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    hear(&mut stream).unwrap();
    let journal = std::fs::read_to_string(place.only("gait-out", ".journal.jsonl")).unwrap();
    let path = tee.end(&place, Signal::TERM);
    let all = everything(&place) + &journal;
    for hidden in ["top-secret", "api-secret", "cookie-secret", "url-secret", "dXNlcjpwYXNz", "issued-token"] {
        assert!(!all.contains(hidden), "{hidden} is there");
    }
    let (pack, catalog) = read(&path);
    assert_eq!(calls(&pack).len(), 2);
    assert!(catalog.redactions.len() >= 4 && catalog.redactions.iter().all(|mark| mark.variable.is_none()));
}

fn a_killed_listener_can_be_sealed() {
    let place = Place::new();
    let web = tiny(true);
    let mut tee = Listening::tee(&place, &web.url(), &[]);
    let mut stream = connect(&tee.address);
    for n in 0..5 {
        let events = if n % 2 == 0 { "X-Events: 1\r\n" } else { "" };
        talk(&mut stream, events, &call(n, "echo", json!({"n": n})));
    }
    tee.session.child.kill().unwrap();
    tee.session.child.wait().unwrap();
    let journal = place.only("gait-out", ".journal.jsonl");
    let answer = place.json(&["run", "seal", journal.parent().unwrap().as_str(), "--json"], 0);
    assert_eq!((&answer["truncated"], &answer["calls"]), (&json!(true), &json!(5)));
    let path = place.only("gait-out", ".zip");
    assert_eq!(place.verified(&path)["truncated"], json!(true));
    assert_eq!(read(&path).0.results.len(), 5, "every answer the client heard");
}

fn a_capture_groups_and_ends_listeners() {
    let place = Place::new();
    let web = tiny(true);
    // An agent that starts two recorders and leaves them behind.
    let gait = env!("CARGO_BIN_EXE_gait");
    let script = format!(
        "for name in one two; do \
         mkfifo $name; env -i HOME=\"$HOME\" {gait} mcp record --http {} --server $name > $name & read -r line < $name; \
         done; echo \"$line\"; exec 3<&0; cat <&3 > /dev/null; exit 4",
        web.url()
    );
    let mut command = place.gait(&["run", "capture", "--run-id", "run_web", "--", "sh", "-c", &script]);
    let mut capture = Listening::of({
        command.env("NAME", "x");
        command
    });
    let mut stream = connect(&capture.address);
    talk(&mut stream, "", &call(1, "add", json!({"a": 1, "b": 2})));
    drop(capture.session.input.take());
    let (code, _, told) = capture.session.ended();
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("servers=one, two") && !told.contains("warning"), "{told}");
    let path = place.path().join("gait-out/runpack_run_web.zip");
    assert_eq!(place.verified(&path)["truncated"], json!(null));
    assert_eq!(calls(&read(&path).0)[0].0, "two.add");
}

fn what_cannot_be_reached_is_told() {
    let place = Place::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tee = Listening::tee(&place, &format!("http://{free}/mcp"), &[]);
    let mut stream = connect(&tee.address);
    let answer = talk(&mut stream, "", &call(1, "add", json!({})));
    assert_eq!(answer.line, "HTTP/1.1 502 Bad Gateway");
    assert!(String::from_utf8(answer.body).unwrap().contains(&format!("no answer from {free}")));
    let (pack, _) = read(&tee.end(&place, Signal::HUP));
    assert_eq!(calls(&pack), [], "what was not passed on was not asked");
}
