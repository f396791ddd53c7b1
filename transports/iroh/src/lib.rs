//! Frames between devices over QUIC, addressed by public key.
//!
//! A [`Node`] is this device on the network: its id is the device's key, so who is connected has proven
//! who it is. A [`Connection`] with a peer has lanes, and a [`Lane`] carries frames, whole and in order. A
//! [`Keeper`] keeps connections with the wanted peers; its [`Dialer`] says whom to dial when. A [`Wire`] is the
//! `Transport` that sessions use. This crate knows nothing of documents, members or tickets: frames are
//! bytes, and the admission that the caller passes in says who may come in.
//!
//! Invariants: nothing is contacted that the person did not choose ([`Network`]); whatever a peer does or
//! leaves undone costs bounded memory and time ([`Settings`]), and what an honest one never does is
//! reported with its key ([`Fault`]).

mod address;
mod assembly;
mod connection;
mod dialer;
mod error;
mod gate;
mod keeper;
mod lane;
mod meter;
mod neighbours;
mod network;
mod node;
mod settings;
mod wire;

pub use address::{Address, AddressError};
pub use connection::Connection;
pub use dialer::{Dialer, Pace};
pub use error::{BindError, Code, DialError, Ended, Fault, FaultKind, LaneError, Reason};
pub use gate::{Channel, Verdict};
pub use keeper::{Keeper, Report};
pub use lane::{FrameReceiver, FrameSender, Lane};
pub use meter::{Meter, Traffic};
pub use network::{Internet, Network};
pub use node::{Admission, Node};
pub use settings::{ChannelLimits, Settings};
pub use wire::Wire;
