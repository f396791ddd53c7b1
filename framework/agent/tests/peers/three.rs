//! More than two devices: what one gives reaches all, also through another, and an admin lets others in.

use crate::desk::Desk;

#[test]
fn what_one_device_gives_reaches_those_that_only_a_third_knows() {
    let (desk, laptop, phone) =
        (Desk::rhythmbox("desk"), Desk::strawberry("laptop"), Desk::bare("phone"));
    let one = desk.up();
    laptop.json(&["join", &desk.ticket(&["--yes", "--role", "admin"])]);
    laptop.link("strawberry");
    let two = laptop.up();
    // The laptop, which was invited, invites the phone: the desk never saw it.
    phone.json(&["join", &laptop.ticket(&["--yes"])]);
    let three = phone.up();
    laptop.until_peers("both are in step", |peers| {
        let all = peers["peers"].as_array().unwrap();
        all.len() == 2 && all.iter().all(|peer| peer["in_step"] == true)
    });
    desk.until_peers("the desk has heard of the phone", |peers| {
        peers["peers"].as_array().unwrap().iter().any(|peer| peer["name"] == "phone")
    });
    laptop.rate_in_strawberry("Lantern Row", 0.8);
    desk.until_known("Lantern Row", 80);
    phone.until_known("Lantern Row", 80);
    desk.json(&["resolve", "Exit Music", "rating", "20"]);
    phone.until_known("Exit Music", 20);
    phone.json(&["resolve", "Delta", "rating", "60"]);
    desk.until_known("Delta", 60);
    assert_eq!(desk.export(), phone.export());
    assert_eq!(desk.export(), laptop.export());

    // The owner puts the laptop out, with whom it let in.
    two.stop();
    desk.json(&["revoke", "laptop", "--yes"]);
    let left = desk.json(&["peers"]);
    let names: Vec<&str> =
        left["peers"].as_array().unwrap().iter().filter_map(|peer| peer["name"].as_str()).collect();
    assert_eq!(names, ["phone"], "whom an admin let in stays, unless it is put out too");
    for agent in [one, three] {
        agent.stop();
    }
}
