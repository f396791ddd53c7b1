//! The numbers are OpenMetrics text, and true.

use std::collections::BTreeMap;

use crate::desk::{Desk, Running};

/// Samples in millionths, by name with labels; what is not OpenMetrics text is refused.
fn parse(text: &str) -> Result<BTreeMap<String, i64>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let (mut samples, mut family, mut seen) = (BTreeMap::new(), (String::new(), ""), Vec::new());
    for line in body.lines() {
        let wrong = || format!("what is {line:?}");
        if let Some(rest) = line.strip_prefix("# ") {
            let words: Vec<&str> = rest.splitn(3, ' ').collect();
            let [what, name, value] = words[..] else { return Err(wrong()) };
            match what {
                "TYPE" if !seen.contains(&name.to_owned()) => {
                    seen.push(name.to_owned());
                    family = (name.to_owned(), if value == "counter" { "_total" } else { "" });
                    if !matches!(value, "counter" | "gauge") {
                        return Err(wrong());
                    }
                }
                "UNIT" if name == family.0 && name.ends_with(&format!("_{value}")) => {}
                "HELP" if name == family.0 => {}
                _ => return Err(wrong()),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').ok_or_else(wrong)?;
        let bare = name.split('{').next().ok_or_else(wrong)?;
        let labels = &name[bare.len()..];
        let whole = labels.is_empty() || labels.starts_with('{') && labels.ends_with("\"}");
        if bare != format!("{}{}", family.0, family.1) || !whole {
            return Err(wrong());
        }
        let number: f64 = value.parse().map_err(|_| wrong())?;
        let number = (number * 1e6).round() as i64;
        if samples.insert(name.to_owned(), number).is_some() {
            return Err(format!("{name} stands twice"));
        }
    }
    Ok(samples)
}

#[test]
fn what_is_no_openmetrics_text_is_seen() {
    for wrong in
        ["", "a 1\n# EOF\n", "# TYPE a counter\na 1\n# EOF\n", "# TYPE a gauge\na x\n# EOF\n"]
    {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn passes_edits_and_states_are_counted() {
    let desk = Desk::linked();
    let refused = desk.segue(&["metrics"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let mut agent = Running::start(&desk);
    let numbers = || {
        let text = String::from_utf8(desk.segue(&["metrics"]).stdout).unwrap();
        parse(&text).unwrap_or_else(|why| panic!("{why} in {text}"))
    };
    assert_eq!(numbers()["segue_passes_total{outcome=\"done\"}"], 0, "no pass without a reason");
    desk.use_rhythmbox(4, 7);
    agent.until("strawberry got");
    let numbers = numbers();
    let of = |name: &str, app: &str| {
        let start = format!("segue_{name}_total{{app=\"{app}\"");
        numbers
            .iter()
            .filter(|(key, _)| key.starts_with(&start))
            .map(|(_, value)| value / 1_000_000)
            .sum::<i64>()
    };
    assert_eq!(numbers["segue_passes_total{outcome=\"done\"}"], 1_000_000);
    assert_eq!((of("edits_lifted", "rhythmbox"), of("edits_written", "strawberry")), (2, 2));
    assert_eq!(of("edits_written", "rhythmbox"), 0);
    let step = |word: &str| numbers[&format!("segue_last_step_time_seconds{{step=\"{word}\"}}")];
    // What the agent writes is heard, too; so that moment may be later than all.
    let way = ["begun", "read", "committed", "written"].map(step);
    assert!(step("heard") > 0);
    assert!(way.is_sorted(), "{way:?}");
    assert_eq!(numbers["segue_network_bytes_total{layer=\"udp\",direction=\"sent\"}"], 0);
    assert!(numbers["segue_last_pass_time_seconds"] >= numbers["segue_start_time_seconds"]);
}
