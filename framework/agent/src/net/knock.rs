//! The two ends of joining by ticket, each a task on a lane of its own.
//!
//! The inviter's end passes the question on and waits for what a person, or a yes given beforehand, answers;
//! the joiner's end dials, shows the ticket and stores what it is given before it says so.
//!
//! Invariant: whatever the other side does, a task ends in bounded time.

use std::sync::Arc;
use std::time::Duration;

use segue_access::{Role, SignedStatement, Ticket};
use segue_iroh::{Address, Channel, Code, Connection, DialError, Lane, Node, Reason};
use segue_model::DeviceId;
use segue_sync::join::{Asked, Inviter, InviterStep, Joiner, JoinerStep, Refused, Welcomed};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// A joiner has so long for its question, and to say that it has stored the answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A person at the inviter has so long.
const PERSON: Duration = Duration::from_mins(10);

/// A device that asks to be let in, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Knock {
    pub(crate) device: DeviceId,
    pub(crate) asked: Asked,
    pub(crate) answer: mpsc::UnboundedSender<Answer>,
}

/// What is said to it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The ticket is good, and a person decides.
    Wait,
    /// It is in, by these statements.
    Welcome(Role, Vec<SignedStatement>),
    /// It is not.
    Refused(Refused),
}

/// What this device is to a joiner.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) me: DeviceId,
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
}

/// Hears one joiner out. `knock` passes the question on; it is `None` once nobody listens.
pub(crate) async fn host(
    connection: Connection,
    host: Host,
    knock: mpsc::Sender<Knock>,
) -> Option<()> {
    let device = connection.peer();
    let mut lane = timeout(PATIENCE, connection.accept()).await.ok()?.ok()?;
    let mut inviter = Inviter::new(host.me, device);
    let ended = hear(&mut lane, &mut inviter, &host, device, &knock).await;
    if let Err(refused) = ended {
        let _ = lane.send(&inviter.refuse(&refused)).await;
    }
    // The peer closes after it has read; whoever does not is not waited for.
    let (sender, mut receiver) = lane.split();
    sender.finish();
    let _ = timeout(Duration::from_secs(2), receiver.receive()).await;
    connection.close(&Reason::new(Code::Done, "that is all"));
    Some(())
}

async fn hear(
    lane: &mut Lane,
    inviter: &mut Inviter,
    host: &Host,
    device: DeviceId,
    knock: &mpsc::Sender<Knock>,
) -> Result<(), Refused> {
    let asked = loop {
        let Ok(Ok(Some(frame))) = timeout(PATIENCE, lane.receive()).await else { return Ok(()) };
        if let Some(InviterStep::Asked(asked)) = inviter.handle(&frame)? {
            break *asked;
        }
    };
    let (answer, mut answers) = mpsc::unbounded_channel();
    let busy = |_| Refused::Busy;
    knock.try_send(Knock { device, asked, answer }).map_err(busy)?;
    loop {
        let answer = tokio::select! {
            answer = timeout(PERSON, answers.recv()) => answer,
            // Nothing is due from the joiner: it left, or says what only a newer one says.
            frame = lane.receive() => match frame {
                Ok(Some(frame)) => { inviter.handle(&frame)?; continue }
                _ => return Ok(()),
            },
        };
        match answer {
            Ok(Some(Answer::Wait)) => {
                let _ = lane.send(&inviter.wait(&host.name)).await;
            }
            Ok(Some(Answer::Welcome(role, statements))) => {
                let frame = inviter.welcome(role, &statements, &host.addresses);
                let frame = frame.ok_or(Refused::Busy)?;
                let _ = lane.send(&frame).await;
                return stored(lane, inviter).await;
            }
            Ok(Some(Answer::Refused(why))) => return Err(why),
            // Nobody answered.
            Ok(None) | Err(_) => return Err(Refused::Declined),
        }
    }
}

/// Waits until the joiner has stored what it was given.
async fn stored(lane: &mut Lane, inviter: &mut Inviter) -> Result<(), Refused> {
    loop {
        match timeout(PATIENCE, lane.receive()).await {
            Ok(Ok(Some(frame))) => {
                if inviter.handle(&frame)? == Some(InviterStep::Joined) {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
}

/// What a joiner is told on the way.
#[derive(Debug)]
pub(crate) enum Met {
    /// Both screens must say these words.
    Words(Option<String>, [&'static str; 4]),
    /// It is in: to be stored, which is then said on the channel.
    Welcome(Box<Welcomed>, oneshot::Sender<()>),
}

/// Asks to be let in.
pub(crate) async fn join(
    node: Arc<Node>,
    ticket: Ticket,
    vouch: SignedStatement,
    tell: &mut (dyn FnMut(Met) + Send),
) -> Result<(), (String, &'static str)> {
    let addresses: Vec<Address> =
        ticket.addresses.iter().filter_map(|text| text.parse().ok()).collect();
    let connection = node
        .dial(ticket.inviter, Channel::Join, &addresses)
        .await
        .map_err(|error| unreached(&error))?;
    let mut lane = opened(&connection, PATIENCE).await?;
    let own: Vec<String> = node.addresses().iter().map(ToString::to_string).collect();
    let (mut joiner, first) = Joiner::new(&ticket, node.id(), vouch, &own);
    lane.send(&first).await.map_err(|error| (error.to_string(), AGAIN))?;
    let broken = |error: segue_iroh::LaneError| (error.to_string(), AGAIN);
    loop {
        let frame = timeout(PERSON + PATIENCE, lane.receive()).await;
        let frame = frame.map_err(|_| ("the inviter did not answer".to_owned(), AGAIN))?;
        let frame = frame.map_err(broken)?;
        let frame = frame.ok_or_else(|| ("the inviter left".to_owned(), AGAIN))?;
        let step = joiner.handle(&frame).map_err(|error| (error.to_string(), VERSIONS))?;
        match step {
            None => {}
            Some(JoinerStep::Wait { inviter, words }) => tell(Met::Words(inviter, words)),
            Some(JoinerStep::Refused(why)) => return Err((why.to_string(), hint(&why))),
            Some(JoinerStep::Welcome(welcomed)) => {
                let joined = welcomed.joined();
                let (done, stored) = oneshot::channel();
                tell(Met::Welcome(Box::new(welcomed), done));
                if stored.await.is_ok() {
                    let _ = lane.send(&joined).await;
                    let (sender, mut receiver) = lane.split();
                    sender.finish();
                    let _ = timeout(Duration::from_secs(2), receiver.receive()).await;
                }
                connection.close(&Reason::new(Code::Done, "joined"));
                return Ok(());
            }
        }
    }
}

/// A lane on which to ask. An inviter that lets none be opened is not waited for.
async fn opened(
    connection: &Connection,
    patience: Duration,
) -> Result<Lane, (String, &'static str)> {
    let lane = timeout(patience, connection.open()).await;
    let lane = lane.map_err(|_| ("the inviter does not listen".to_owned(), AGAIN))?;
    lane.map_err(|ended| (ended.to_string(), AGAIN))
}

const AGAIN: &str = "is the other device's segue running? try again: the ticket is still yours";
const VERSIONS: &str = "update Segue on both computers";

fn unreached(error: &DialError) -> (String, &'static str) {
    let hint = match error {
        DialError::OutOfReach(_) => {
            "its addresses lie outside the network that is allowed here: see --network"
        }
        DialError::TimedOut(_) => {
            "see that segue up or segue invite runs there, and that both are in one network"
        }
        _ => AGAIN,
    };
    (format!("the inviter was not reached: {error}"), hint)
}

fn hint(why: &Refused) -> &'static str {
    match why {
        Refused::Ticket(_) | Refused::Declined => {
            "ask for a new ticket: segue invite, on the other device"
        }
        Refused::Version { .. } | Refused::Malformed(_) => VERSIONS,
        Refused::Busy | Refused::Other { .. } => "try again in a minute",
    }
}

#[cfg(test)]
mod tests {
    use segue_iroh::{ChannelLimits, Network, Settings, Verdict};

    use super::*;

    #[tokio::test]
    async fn an_inviter_that_lets_no_lane_be_opened_is_not_waited_for() {
        let node = async |byte, lanes_max| {
            let join = ChannelLimits { frame_bytes_max: 1_000, lanes_max };
            let settings = Settings { join, ..Settings::default() };
            let admits = Box::new(|_: &DeviceId, _| Verdict::Stranger);
            Node::bind([byte; 32], Network::Loopback, settings, admits).await.unwrap()
        };
        let (inviter, joiner) = (node(1, 0).await, node(2, 1).await);
        let connection =
            joiner.dial(inviter.id(), Channel::Join, &inviter.addresses()).await.unwrap();
        let asks = opened(&connection, Duration::from_millis(100));
        let why = timeout(PATIENCE, asks).await.unwrap().unwrap_err();
        assert_eq!(why.0, "the inviter does not listen");
    }
}
