//! The host that belongs to a target's digest, and the hosts that readers of the same text may take.

use gait::gate::domain;

#[test]
fn the_host_of_a_target_is_that_of_a_strict_reader() {
    for (value, host) in [
        ("https://A.example/x", "a.example"),
        ("//a.example/x", "a.example"),
        ("a.example/x", ""),
        ("///a.example", ""),
        ("http:///a.example", ""),
        ("http:a.example", ""),
        ("*", ""),
        ("://a.example", ""),
        ("1http://a.example", ""),
        ("h_t://a.example", ""),
        ("h+t.t-p1://a.example", "a.example"),
        ("http://a.example:", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://a.example:x", ""),
        ("http://u:p@a.example/", "a.example"),
        ("http://u%40@v@a.example", "a.example"),
        ("http://u%4@a.example", ""),
        ("http://ü@a.example", ""),
        ("http://a.example/ x", "a.example"),
        ("http://a.example/\u{1f}", ""),
        ("http://a.example/\u{7f}", ""),
        ("http://a.example/#\u{1}", "a.example"),
        ("http://a.example/%zz", ""),
        ("http://a.example/%4g", ""),
        ("http://a.example/%g4", ""),
        ("http://a.example/%4", ""),
        ("http://a.example/%41", "a.example"),
        ("http://a.example/?%zz", "a.example"),
        ("http://a.example/#%zz", ""),
        ("http://a%2eexample", ""),
        ("http://a%2eexample:80", ""),
        ("http://%C3%BC.example", "ü.example"),
        ("http://a%25b.example", "a%b.example"),
        ("http://a%25b.example:80", "a%b.example"),
        ("http://é.example", "é.example"),
        ("http://a b.example", ""),
        ("http://a{b.example", ""),
        ("http://a\"b.example", "a\"b.example"),
        ("postgres://a:b:80", "a:b"),
        ("postgresql://a:b:80", "a:b"),
        ("http://a:b:80", ""),
        ("http://[::1]:80/", "::1"),
        ("http://[::1]x", ""),
        ("http://a[::1]", ""),
        ("http://a::1%25[x]", ""),
        ("http://[::1", ""),
        ("http://[::g]", ""),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0"),
        ("http://[fe80::1%25a%20b%25%2dc]", "fe80::1%a b%-c"),
        ("http://[fe80::1%25]", ""),
        ("http://[fe80::1%25a%2fb]", ""),
    ] {
        assert_eq!(domain::inferred("url", value), host, "{value:?}");
    }
    for (value, host) in
        [("A.example:80/x", "a.example"), ("http://a.example/x", "a.example"), ("https://a.example:1", "a.example")]
    {
        assert_eq!(domain::inferred("host", value), host, "{value}");
        assert_eq!(domain::inferred("path", value), "", "{value}");
    }
}

#[test]
fn each_host_that_a_reader_may_take_is_named() {
    for (value, hosts) in [
        ("HTTP:A.example", vec!["a.example"]),
        ("foo:a.example", vec!["foo"]),
        ("foo://a.example/x", vec!["a.example"]),
        ("a/b://c.example", vec!["a"]),
        ("a\\b://c.example", vec!["a", "c.example"]),
        ("http://a.example\\@b.example/", vec!["a.example", "b.example"]),
        ("http://u@v@a.example", vec!["a.example", "v"]),
        ("http://u%2fx@a.example", vec!["a.example", "u"]),
        ("http://a b.example.", vec!["a b.example"]),
        ("http://a.example/\u{1f}", vec![]),
        ("http://a.example/\u{7f}", vec![]),
        ("http://a%252eexample", vec!["a%252eexample", "a%2eexample", "a.example"]),
        ("a.example:1", vec!["a.example"]),
        ("0::1", vec!["::1"]),
        ("http://[2001:DB8:0::1]:80", vec!["2001:db8::1"]),
        ("http://[::ffff:1.2.3.4]", vec!["1.2.3.4"]),
        ("http://[fe80::1%25e]", vec!["fe80::1", "fe80::1%25e", "fe80::1%e"]),
        ("http://0x7f.1", vec!["0x7f.1", "127.0.0.1"]),
        ("http://2130706433", vec!["127.0.0.1", "2130706433"]),
        ("http://4294967295", vec!["255.255.255.255", "4294967295"]),
        ("http://4294967296", vec!["4294967296"]),
        ("http://0177.2.772", vec!["0177.2.772", "127.2.3.4"]),
        ("http://1.16777215", vec!["1.16777215", "1.255.255.255"]),
        ("http://1.16777216", vec!["1.16777216"]),
        ("http://256.2.3.4", vec!["256.2.3.4"]),
        ("http://0xff.2.3.4", vec!["0xff.2.3.4", "255.2.3.4"]),
        ("http://1.256.2.3", vec!["1.256.2.3"]),
        ("http://1.2.3.256", vec!["1.2.3.256"]),
        ("http://1.2.3.4.5", vec!["1.2.3.4.5"]),
        ("http://0", vec!["0", "0.0.0.0"]),
        ("http://08", vec!["08"]),
        ("http://0x", vec!["0x"]),
    ] {
        assert_eq!(domain::read_as(value), hosts, "{value:?}");
    }
    assert!(domain::read_as(&format!("http://%{}41.example", "25".repeat(8))).is_empty());
    assert!(!domain::read_as(&format!("http://%{}41.example", "25".repeat(6))).is_empty());
}

#[test]
fn a_host_is_also_what_lax_resolvers_make_of_it() {
    for (host, has, not) in [
        ("a.example;x.b.example", "a.example", "b.example"),
        ("a.example..", "a.example", "a.example."),
        ("a.example:80", "a.example", "80"),
        ("2001:db8::1", "2001:db8::1", "2001"),
        ("bücher.example", "xn--bcher-kva.example", ""),
        ("xn--bcher-kva.example", "bücher.example", ""),
        ("b\u{200c}a.example", "ba.example", ""),
        ("64:ff9b::a01:203", "10.1.2.3", ""),
        ("::a01:203", "10.1.2.3", ""),
        ("::1", "::1", "0.0.0.1"),
        ("2001:db8::a01:203", "2001:db8::a01:203", "10.1.2.3"),
        ("127.1", "127.0.0.1", ""),
    ] {
        let variants = domain::variants(host);
        assert!(variants.iter().any(|name| name == has), "{host}: {variants:?}");
        assert!(!variants.iter().any(|name| name == not), "{host}: {variants:?}");
    }
    for (value, has, not) in [
        ("http://ev\til.example", "evil.example", "il.example"),
        ("http://a.example\u{0}.b.example", "a.example", "b.example"),
        ("blob:http://a.example/1", "a.example", ""),
        ("a:b:c://d.example", "d.example", ""),
        ("a.example:b.example", "a.example", "b.example"),
        ("http%3a//a.example", "a.example", ""),
        ("https://a.example/?u=http://b.example", "a.example", "b.example"),
    ] {
        let hosts = domain::possibly_read_as(value);
        assert!(hosts.iter().any(|name| name == has), "{value:?}: {hosts:?}");
        assert!(!hosts.iter().any(|name| name == not), "{value:?}: {hosts:?}");
    }
}

#[test]
fn what_is_plain_an_address_or_too_long_is_told() {
    for (host, plain) in [
        ("a_b-c.example1", true),
        ("2001:db8::1", true),
        ("", false),
        ("a..b", false),
        ("a.example.", false),
        ("ü.example", false),
        ("a:80", false),
    ] {
        assert_eq!(domain::is_plain(host), plain, "{host}");
    }
    for (a, b, same) in [
        ("::1", "0::1", true),
        ("::ffff:1.2.3.4", "1.2.3.4", true),
        ("::1", "::2", false),
        ("x", "x", false),
        ("::1", "x", false),
    ] {
        assert_eq!(domain::is_same_address(a, b), same, "{a} {b}");
    }
    assert!(domain::is_bare_address("::1") && !domain::is_bare_address("1.2.3.4"));
    let longest = format!("http://{}", "a".repeat((1 << 14) - 7));
    assert!(!domain::is_overlong(&longest));
    assert!(domain::is_overlong(&format!("{longest}a")));
    assert!(domain::is_overlong(&longest.replace("http://", "aaaaaaaa")));
    for end in ["/", "\\", "?", "#"] {
        assert!(!domain::is_overlong(&format!("http://a.example{end}{longest}")), "{end}");
    }
}
