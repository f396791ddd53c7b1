//! Members hear of each other's clocks, and nobody else does.

use super::company::Company;
use crate::peers::clocks::compared;
use crate::peers::revoke::revoke;

#[test]
fn f42_clocks_are_compared_once_a_session_and_only_members_have_a_say() {
    let mut company = Company::of(2, 3, 71);
    company.devices[0].rates(1, 60);
    let talked = company.talk(&[0, 1]);
    assert!(talked.in_step);
    let [(first, document, of_first), (second, _, of_second)] = talked.compared[..] else {
        panic!("{:?}", talked.compared)
    };
    assert_ne!(first, second);
    for (at, seen) in [(first, of_first), (second, of_second)] {
        assert_eq!(
            (seen.peer, document),
            (company.devices[1 - at].id(), company.devices[0].document())
        );
        let (least, now) = (seen.theirs - seen.ours, company.clock.now() * 1000);
        assert!(least <= 0 && 0 <= least + seen.round_trip && (now - seen.ours).abs() <= 1000);
        assert!(compared(&mut company.devices[at].agent, document, seen).unwrap());
    }
    let seen = if first == 0 { of_first } else { of_second };
    revoke(&mut company.devices[0].agent, &seen.peer.to_string(), false).unwrap();
    assert!(!compared(&mut company.devices[0].agent, document, seen).unwrap(), "it was put out");
}
