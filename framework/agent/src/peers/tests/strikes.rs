//! The owner ends what members said of limits; nobody else does, and nothing that an issuer proves.

use segue_limits::sidecar::{self, Sidecar};
use segue_model::{CarriedLimit, Terms};

use super::company::Company;
use super::limits::{claims, listed, says};
use crate::command::{RevokeReport, StrikeReport};
use crate::limits::strike::strike;
use crate::peers::revoke::revoke;

const TITLE: &str = "Song 1";

fn strikes(company: &mut Company, who: usize, limit: Option<&str>) -> Result<StrikeReport, String> {
    strike(&mut company.devices[who].agent, TITLE, limit).map_err(|failure| failure.to_string())
}

fn puts_out(company: &mut Company, by: usize, limits: bool) -> Result<RevokeReport, String> {
    let out = company.devices[1].id().to_string();
    revoke(&mut company.devices[by].agent, &out, limits).map_err(|failure| failure.to_string())
}

/// A licence of the first song that is over, as a device found it in a file.
fn carried(company: &Company, key: Option<&segue_access::PersonKey>) -> CarriedLimit {
    let now = company.clock.now();
    let licence = Sidecar {
        issuer: "Library".into(),
        licence: "loan".into(),
        serial: 1,
        issued_at: now - 10,
        terms: Terms { valid_until: Some(now), ..Terms::default() },
        subject: None,
    };
    let signer = segue_access::PersonKey::from_seed([9; 32]);
    let bytes = sidecar::write(&licence, key.unwrap_or(&signer)).unwrap();
    let mut carried = sidecar::read(&bytes);
    if key.is_none() {
        carried.evidence = None;
    }
    carried
}

#[test]
fn f41_the_owner_strikes_all_serials_of_what_a_member_said_on_every_device() {
    let mut company = Company::of(2, 3, 81);
    let now = company.clock.now();
    for serial in [1, 2] {
        says(&mut company, 1, 1, serial, Some(now));
    }
    company.meets_apart();
    assert_eq!(listed(&company, 1), [false, false]);
    let refused = strikes(&mut company, 1, None).unwrap_err();
    assert_eq!(refused, "only the owner of the document can strike a limit");
    let report = strikes(&mut company, 0, None).unwrap();
    assert_eq!((report.struck.len(), report.struck[0].licence.serial), (1, 2));
    company.meets_apart();
    assert_eq!(listed(&company, 1), [true, true], "the first serial does not hold again");
    let refused = strikes(&mut company, 0, None).unwrap_err();
    assert!(refused.starts_with("nothing limits Song 1"), "{refused}");
}

#[test]
fn of_several_limits_the_one_that_is_named_is_struck() {
    let mut company = Company::of(3, 3, 82);
    let now = company.clock.now();
    for who in [1, 2] {
        says(&mut company, who, 1, 1, Some(now));
    }
    company.meets_apart();
    let report = strikes(&mut company, 0, None).unwrap();
    assert_eq!((report.struck.len(), report.choices.len()), (0, 2));
    for wrong in ["", "zzzz", &report.choices[0].id[..3]] {
        let refused = strikes(&mut company, 0, Some(wrong)).unwrap_err();
        assert!(refused.contains("names no limit"), "{refused}");
    }
    let first = &report.choices[0];
    let struck = strikes(&mut company, 0, Some(&first.id[..8])).unwrap();
    assert_eq!(struck.struck, std::slice::from_ref(first));
    let last = strikes(&mut company, 0, None).unwrap();
    assert_eq!(last.struck, report.choices[1..]);
    company.meets_apart();
    assert_eq!(listed(&company, 1), [true; 3]);
}

#[test]
fn f41_what_an_issuer_signed_or_a_device_finds_in_a_file_is_not_struck() {
    let issuer = segue_access::PersonKey::from_seed([8; 32]);
    let whose = [
        (Some(&issuer), "its issuer signed that, and only the issuer can loosen it"),
        (None, "device 1 found that in a file, and would find it again"),
    ];
    for (key, why) in whose {
        let mut company = Company::of(2, 3, 83);
        let carried = carried(&company, key);
        claims(&mut company, 1, 1, &carried);
        company.meets_apart();
        assert_eq!(strikes(&mut company, 0, None).unwrap_err(), why);
        let owner = &company.devices[0];
        let said = owner.agent.said.of(&owner.agent.home.store, &owner.document()).unwrap();
        let (_, effective) = said.limits.items().next().unwrap();
        let (statement, _) = effective.heard.first_key_value().unwrap();
        let id = crate::limits::strike::name(statement);
        assert_eq!(strikes(&mut company, 0, Some(&id[..16])).unwrap_err(), why);
        assert_eq!(listed(&company, 1), [false, false]);
    }
}

#[test]
fn f41_a_revoke_keeps_limits_and_says_how_many_unless_they_are_to_end() {
    for limits in [false, true] {
        let mut company = Company::of(2, 3, 84);
        let now = company.clock.now();
        says(&mut company, 1, 1, 1, Some(now));
        let issuer = segue_access::PersonKey::from_seed([8; 32]);
        let carried = carried(&company, Some(&issuer));
        claims(&mut company, 1, 2, &carried);
        company.meets_apart();
        let report = puts_out(&mut company, 0, limits).unwrap();
        let expected = if limits { (1, 1) } else { (2, 0) };
        assert_eq!((report.limits_kept, report.limits_struck), expected);
        company.devices[0].pass();
        assert_eq!(listed(&company, 1)[0], limits);
        assert!(!listed(&company, 2)[0], "an issuer's word stays");
        if !limits {
            strikes(&mut company, 0, None).unwrap();
            company.devices[0].pass();
            assert!(listed(&company, 1)[0], "it can be struck afterwards");
        }
    }
}

#[test]
fn whoever_may_revoke_and_is_not_the_owner_ends_no_limit_and_then_revokes_nothing() {
    let mut company = Company::of(2, 3, 85);
    let admin = company.add();
    company.let_in(0, admin, crate::command::RoleName::Admin);
    company.talk(&[0, admin]);
    let now = company.clock.now();
    says(&mut company, 1, 1, 1, Some(now));
    company.talk(&[0, 1]);
    company.talk(&[0, admin]);
    let refused = puts_out(&mut company, admin, true).unwrap_err();
    assert_eq!(refused, "only the owner of the document can strike a limit");
    assert_eq!(puts_out(&mut company, admin, false).unwrap().limits_kept, 1, "it had its role");
}
